"""A model that two processes hold in parts, against the whole one; see sharded_model.py."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file
from tests.distributed.launch import imported, launch
from torch import Tensor

from fairfactor.distributed import ALONE


class Outcome(NamedTuple):
    results: list[dict[str, Tensor]]
    notes: list[dict[str, Any]]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("processes")
    assert launch("sharded_model.py", 2, folder) == [0, 0]
    return Outcome(
        [load_file(folder / f"{rank}.safetensors") for rank in range(2)],
        [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)],
    )


@pytest.fixture(scope="module")
def work() -> ModuleType:
    return imported("sharded_model.py")


@pytest.mark.parametrize(
    ("name", "tolerance"), [("fisher", 1e-6), ("moments", 1e-6), ("factors", 1e-8)]
)
def test_result_is_that_of_the_whole_model(
    outcome: Outcome, work: ModuleType, name: str, tolerance: float
) -> None:
    expected = getattr(work, name)(ALONE)
    for found in outcome.results:
        assert {key for key in found if key.startswith(f"{name}.")} == {
            f"{name}.{key}" for key in expected
        }
        for key, value in expected.items():
            error = (found[f"{name}.{key}"] - value).abs().max()
            assert error <= tolerance * value.abs().max(), key


def test_both_processes_have_the_same_bits(outcome: Outcome) -> None:
    first, second = outcome.results
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_blocks_are_gathered_one_after_another(outcome: Outcome) -> None:
    for notes in outcome.notes:
        assert notes["times counted"] > 2 * 3
        assert notes["gathered at a time"] <= 2  # FSDP fetches the next while one is at work


def test_the_model_is_left_sharded_as_it_was(outcome: Outcome) -> None:
    for notes in outcome.notes:
        assert notes["not sharded"] == []
        assert notes["frozen"] == ["head.bias"]
        assert notes["with gradient"] == []


class TestErrors:
    def test_processes_must_be_named(self, outcome: Outcome) -> None:
        for notes in outcome.notes:
            kind, text = notes["alone"]
            assert kind == "ArgumentError"
            assert "Processes.started()" in text

    def test_a_process_without_any_batch(self, outcome: Outcome) -> None:
        first, second = (notes["no_batch"] for notes in outcome.notes)
        assert first[0] == "ProcessError"
        assert second[0] == "DataError"
        assert "Process 1 has no batch" in second[1]

    def test_a_mistake_in_one_ends_the_work_of_both(self, outcome: Outcome) -> None:
        first, second = (notes["wrong_code"] for notes in outcome.notes)
        assert first[0] == "DataError"
        assert second[0] == "ProcessError"
        assert "Process 0 of 2 failed" in second[1]

    def test_layers_cannot_be_replaced(self, outcome: Outcome) -> None:
        for notes in outcome.notes:
            kind, text = notes["replaced"]
            assert kind == "ArgumentError"
            assert "factorize_layers" in text
