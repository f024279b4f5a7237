"""Two and three processes against a single one; see shared_work.py for what they do."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import load_file
from tests.distributed.launch import imported, launch
from torch import Tensor

from fairfactor.distributed import ALONE, Processes
from fairfactor.feature_extraction.cache import FeatureCache


class Outcome(NamedTuple):
    number: int
    folder: Path
    codes: list[int]
    results: list[dict[str, Tensor]]
    errors: list[dict[str, list[str]]]
    lost: list[list[str]]


@pytest.fixture(scope="module", params=[2, 3])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("processes")
    codes = launch("shared_work.py", request.param, folder)
    results = [load_file(folder / f"{rank}.safetensors") for rank in range(request.param)]
    errors, lost = (
        [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name} *.json"))]
        for name in ("errors", "lost")
    )
    return Outcome(request.param, folder, codes, results, errors, lost)


@pytest.fixture(scope="module")
def work() -> ModuleType:
    return imported("shared_work.py")


TOLERANCES = {
    "fisher_of_transformer": 1e-6,
    "fisher_in_float64": 1e-10,
    "only_the_first_has_batches": 1e-12,
    "moments": 1e-10,
    "counts": 0,
    "penalties": 1e-6,
    "streamed_penalty": 1e-5,
}


@pytest.mark.parametrize("name", TOLERANCES)
def test_result_is_that_of_a_single_process(outcome: Outcome, work: ModuleType, name: str) -> None:
    for key, expected in getattr(work, name)(ALONE).items():
        for found in outcome.results:
            value = found[f"{name}.{key}"]
            assert value.dtype == expected.dtype
            scale = float(expected.abs().max())
            error = float((value - expected).abs().max())
            assert error <= TOLERANCES[name] * scale, (key, error / scale)


def test_all_processes_have_the_same_bits(outcome: Outcome) -> None:
    first, *others = outcome.results
    for other in others:
        for key in first.keys() - {"features.computed here"}:
            assert torch.equal(first[key], other[key]), key


class TestFeatures:
    def test_each_is_computed_once(self, outcome: Outcome, work: ModuleType) -> None:
        shares = [found["features.computed here"] for found in outcome.results]
        assert all(map(len, shares))
        assert sorted(torch.cat(shares).tolist()) == list(range(len(work.VALUES)))
        assert (outcome.results[0]["features.times computed"] == 1).all()

    def test_equal_those_of_a_single_process(self, outcome: Outcome, work: ModuleType) -> None:
        found = outcome.results[0]["features.features"]
        with torch.no_grad():
            assert torch.allclose(found, work.FakeExtractor().features(work.VALUES), rtol=1e-6)


def said(outcome: Outcome, name: str) -> list[list[str]]:
    return [errors[name] for errors in outcome.errors]


class TestErrors:
    def test_a_mistake_in_one_ends_the_work_of_all(self, outcome: Outcome) -> None:
        first, second, *_ = said(outcome, "wrong_code")
        assert second[0] == "DataError"
        assert "out of range" in second[1]
        assert first[0] == "ProcessError"
        assert f"of {outcome.number} failed" in first[1]

    def test_other_groups_are_refused(self, outcome: Outcome) -> None:
        for kind, text in said(outcome, "other_names"):
            assert kind == "ArgumentError"
            assert f"the same in all {outcome.number} processes" in text

    def test_a_group_that_no_process_has(self, outcome: Outcome) -> None:
        for kind, text in said(outcome, "nobody_has_a_group"):
            assert kind == "DataError"
            assert "Group 'c' (code 2) has no sample" in text

    def test_a_layer_that_no_process_calls(self, outcome: Outcome) -> None:
        for kind, text in said(outcome, "never_called"):
            assert kind == "ArgumentError"
            assert "layers='spare'" in text

    def test_a_process_that_does_not_answer(self, outcome: Outcome) -> None:
        *others, last = said(outcome, "late")
        assert last == ["", ""]
        for kind, text in others:
            assert kind == "ProcessError"
            assert "Start all processes again" in text


class TestLost:
    def test_is_said(self, outcome: Outcome) -> None:
        assert outcome.codes == [0] * (outcome.number - 1) + [7]
        assert len(outcome.lost) == outcome.number - 1
        for kind, text in outcome.lost:
            assert kind == "ProcessError"
            assert "got no answer from the others" in text
            assert "\n" not in text

    def test_only_what_is_missing_is_computed_again(
        self, outcome: Outcome, work: ModuleType
    ) -> None:
        extractor = work.FakeExtractor()
        FeatureCache(outcome.folder / "lost", shard_rows=2).features(extractor, work.VALUES)
        share = -(-len(work.VALUES) // 2 // outcome.number)
        assert 0 < len(extractor.computed) <= 2 * (share - 1) + 2


class TestAlone:
    def test_is_one(self) -> None:
        processes = Processes.started()
        assert (processes, processes.number, processes.rank) == (ALONE, 1, 0)

    def test_sums_nothing(self) -> None:
        values = torch.arange(3.0, requires_grad=True)
        assert ALONE.sum_with_gradient(values) is values
        ALONE.sum([values])
        assert ALONE.largest(3, 4) == (3, 4)
        ALONE.require_same("groups", ("a",))

    def test_an_error_is_raised_as_it_is(self) -> None:
        with pytest.raises(KeyError), ALONE.together():
            raise KeyError
