"""Batches: what is accepted, and what a model is called with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, DataError
from fairfactor.importance.batches import (
    Batch,
    add_counts,
    checked_group_names,
    read_batches,
    run_model,
    select_rows,
)

MODEL = nn.Linear(3, 2)


def read(*batches: Any, names: list[str] | None = None) -> list[Batch]:
    return list(read_batches(batches, MODEL, names))


def test_batches_are_read_in_order() -> None:
    first = (torch.zeros(2, 3), torch.zeros(2), np.array([0, -1], dtype=np.int32))
    second = [{"x": torch.ones(1, 3), "note": "kept"}, None, [4]]
    one, two = read(first, second)
    assert len(one) == 2
    assert one.groups.tolist() == [0, -1]
    assert one.groups.dtype == torch.int64
    assert two.inputs["note"] == "kept"
    assert two.targets is None


def test_batches_without_a_group_are_skipped() -> None:
    excluded = (torch.zeros(2, 3), None, [-1, -1])
    empty = (torch.zeros(0, 3), None, np.zeros(0, dtype=np.int64))
    assert read(excluded, empty) == []


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((torch.zeros(2, 3), None, [0, -2]), "Batch 0: group code -2 is out of range; expected 0"),
        ((torch.zeros(2, 3), None, [0, 2]), "group code 2 is out of range; expected 0 to 1"),
        ((torch.zeros(2, 3), None, [0.0, 1.0]), "Encode labels with encode_groups"),
        ((torch.zeros(2, 3), None, ["f", "m"]), r"group codes are \['f', 'm'\].*encode_groups"),
        ((torch.zeros(2, 3), None, None), "group codes are None; expected one integer"),
        ((torch.zeros(2, 3), None, [[0], [1]]), "one integer per sample"),
        ((torch.zeros(3, 3), None, [0, 1]), r"inputs of shape \(3, 3\) and 2 group codes"),
        ((torch.zeros(2, 3), torch.zeros(3), [0, 1]), r"targets of shape \(3,\) and 2 group"),
    ],
)
def test_data_that_do_not_fit_are_refused(batch: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(batch, names=["A", "B"])


@pytest.mark.parametrize("batch", [torch.zeros(2, 3), (torch.zeros(2, 3), torch.zeros(2)), "abc"])
def test_batches_without_three_parts_are_refused(batch: Any) -> None:
    with pytest.raises(ArgumentError, match=r"an iterable of \(inputs, targets, groups\)"):
        read(batch)


class Doubling(nn.Module):
    """Takes its arguments by position or name, and wraps its result."""

    def __init__(self, wrap: Any = lambda outputs: outputs) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, x: Tensor, factor: Tensor) -> Any:
        return self.wrap(x * factor)


def test_inputs_are_passed_on_by_kind() -> None:
    x, factor = torch.ones(2, 3), torch.full((2, 1), 2.0)
    codes = torch.zeros(2, dtype=torch.int64)
    for inputs in ((x, factor), {"factor": factor, "x": x}):
        for model in (Doubling(), Doubling(lambda outputs: SimpleNamespace(logits=outputs))):
            assert torch.equal(run_model(model, Batch(inputs, None, codes), None), x * 2)
    given = run_model(Doubling(), Batch(x, None, codes), lambda model, value: model(value, 3))
    assert torch.equal(given, x * 3)


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda outputs: (outputs,), "forward='tuple' is not usable"),
        (lambda outputs: outputs.sum(), "outputs with 2 rows"),
        (lambda outputs: outputs[:1], "outputs with 2 rows"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(wrap: Any, message: str) -> None:
    batch = Batch((torch.ones(2, 3), torch.ones(2, 1)), None, torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ArgumentError, match=message):
        run_model(Doubling(wrap), batch, None)


def test_rows_of_nested_values() -> None:
    rows = torch.tensor([2, 0])
    nested = {"a": torch.arange(3), "b": (torch.arange(3) * 2, "text")}
    taken = select_rows(nested, rows)
    assert taken["a"].tolist() == [2, 0]
    assert taken["b"][0].tolist() == [4, 0]
    assert taken["b"][1] == "text"


def test_counts_grow_with_the_groups() -> None:
    counts = add_counts(torch.zeros(0, dtype=torch.int64), torch.tensor([1, 1]))
    counts = add_counts(counts, torch.tensor([0, 3]))
    assert counts.tolist() == [1, 2, 0, 1]
    with pytest.raises(DataError, match="Group '2'"):
        checked_group_names(None, counts)
    assert checked_group_names(["A", "B"], counts[:2]) == ("A", "B")
