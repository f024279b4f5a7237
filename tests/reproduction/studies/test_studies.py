"""Every study on a table of 600 rows in the place of Adult, and told from made-up cells."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.studies.examples import hiring_frame, hiring_task
from torch import nn

from fairfactor.data.task import TableTask
from fairfactor.models.mlp import build_mlp
from fairfactor.reproduction import fair_training, problems
from fairfactor.reproduction.cells import Cells
from fairfactor.reproduction.image_data import IMAGE_DATA_SETS, ImageDataSet
from fairfactor.reproduction.outcome import Report
from fairfactor.reproduction.problems import TableDataSet
from fairfactor.reproduction.registry import STUDIES
from fairfactor.reproduction.studies import controls, figure_1, lfw_gap, transfer
from fairfactor.reproduction.study import Study
from fairfactor.studies.seed_run import pretrain

SEEDS = (0, 1, 2)
_CACHES = (
    problems.problem,
    problems.prepared,
    problems._table,
    fair_training.fair_pretrained,
    controls._fitted,
    lfw_gap._probability,
    transfer._start,
    transfer._tuned_whole,
    transfer._missing,
)


def six_classes() -> TableTask:
    frame = hiring_frame()
    frame["place"] = frame.pop("town") + " " + frame.pop("hired")
    return TableTask(frame, "place", ("sex",))


class SmallFeatures(TableDataSet):
    """Rows of a table in the place of features of images."""

    def pretrained(self, architecture: str, seed: int) -> nn.Module:
        rows = self.problem(seed)
        inputs = rows.rows["train"].inputs.shape[1]
        model = build_mlp((inputs, *{"head": (), "mlp": (6,)}[architecture], 2), seed=seed)
        return pretrain(model, rows.rows["pretraining"], rows.pretraining, seed).eval()


def small_features() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)


def small_marks() -> dict[str, NDArray[np.int64]]:
    """Marks that features tell something of."""
    source = np.random.default_rng(1)
    names = ("Male", "Heavy_Makeup", "Smiling", "Young")
    all_names = [*names, "Male of the person", "Heavy_Makeup of the person"]
    tilt = small_features()[:, 0]
    return {name: (tilt + source.normal(size=400) > 0).astype(np.int64) for name in all_names}


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("adult", "adult-intersections", "german", "census-income"):
        small = TableDataSet(f"Hiring as {name}", hiring_task, batch_size=64)
        monkeypatch.setitem(problems.DATA_SETS, name, small)
    more = TableDataSet("More classes", six_classes, batch_size=64)
    monkeypatch.setitem(problems.DATA_SETS, "adult-schooling", more)
    for name, data in IMAGE_DATA_SETS.items():
        monkeypatch.setitem(problems.DATA_SETS, name, SmallFeatures(data.label, hiring_task))
    monkeypatch.setattr(ImageDataSet, "missing", lambda _: "")
    monkeypatch.setattr(lfw_gap, "image_features", lambda _: (small_features(), np.arange(400)))
    monkeypatch.setattr(lfw_gap, "_marks", small_marks)
    _clear()
    yield
    _clear()


def _clear() -> None:
    """Forget what earlier tests or cells computed."""
    for cached in _CACHES:
        cached.cache_clear()


def some(study: Study, most: int) -> list[Any]:
    """Configurations from the whole range of a study."""
    everything = list(study.configurations())
    return everything[:: max(1, len(everything) // most)][:most]


@pytest.mark.parametrize("name", STUDIES)
def test_cells_run_and_repeat(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "transfer":
        monkeypatch.setattr(transfer, "_missing", lambda: "not here")
    study = STUDIES[name]
    for configuration in some(study, 3):
        json.dumps(configuration, allow_nan=False)
        result = study.run(configuration, 0)
        _clear()
        again = study.run(configuration, 0)
        for timed in ("seconds", "processor_seconds"):
            result.pop(timed, None), again.pop(timed, None)
        assert json.dumps(result) == json.dumps(again)
        assert all(isinstance(value, float) for value in result["metrics"].values())


class _Made(dict):
    """Metrics of which every one has a value."""

    def __init__(self, source: np.random.Generator) -> None:
        super().__init__()
        self.source = source

    def __missing__(self, key: str) -> float:
        self[key] = float(self.source.uniform(0.1, 0.3)) + 16 * (key == "paper_error")
        return self[key]


def made_up(study: Study) -> Cells:
    """Cells with random numbers in all fields that a study may ask for."""
    source = np.random.default_rng(0)
    results = []
    for configuration in study.configurations():
        cells = tuple(
            {
                "metrics": _Made(source),
                "trained_parameters": 46,
                "total_parameters": 742,
                "changed_at_start": source.uniform(),
                "changed_from_plain": source.uniform(),
                "seconds": source.uniform(1, 2),
                "processor_seconds": source.uniform(1, 2),
                "megaflops": source.uniform(1, 2),
                "smallest_group": 20,
                "groups": ["Female", "Male"] if study.name == "figure-3" else 10,
                "larger_group": "Male",
                "row_importance": [[1.0, 2.0], [3.0, 0.0]],
                "met": True,
                "density": [
                    {"name": name, "grid": [[0.0, 0.5], [0.25, 0.25]]} for name in ("F", "M")
                ],
            }
            for _ in SEEDS
        )
        results.append((configuration, cells))
    return Cells(SEEDS, tuple(results))


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_tells_its_rows_claims_and_findings(name: str) -> None:
    study = STUDIES[name]
    report: Report = study.report(made_up(study))
    content = report.to_json()
    assert content["rows"]
    assert content["findings"]
    labels = [row["label"] for row in content["rows"]]
    assert len(set(labels)) == len(labels)
    for row in content["rows"]:
        assert set(row["columns"]) <= set(content["columns"])
    for text in (*content["findings"], *content["lessons"]):
        assert text.endswith(".")
        assert "nan" not in text
    for claim in content["claims"]:
        assert {claim["first"], claim["second"]} <= set(labels)


def test_images_that_are_not_here_are_a_visible_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("FAIRFACTOR_IMAGES", raising=False)
    for name, number in (("images", len(IMAGE_DATA_SETS)), ("lfw-gap", 1)):
        study = STUDIES[name]
        assert not study.configurations()
        gaps = study.report(Cells((0,), ())).gaps
        assert len(gaps) == number
        assert all("name their folder with --root" in gap.reason for gap in gaps)


def test_what_cannot_be_used_is_a_visible_gap() -> None:
    for name in ("figure-4", "table-4"):
        report = STUDIES[name].report(made_up(STUDIES[name]))
        missing = " ".join(gap.label for gap in report.gaps)
        assert "LFW+a" in missing
        assert "CelebA" in missing


def test_a_supplier_that_is_added_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = TableDataSet("Faces", hiring_task)
    monkeypatch.setitem(problems.DATA_SETS, "lfw+a", faces)
    for name in ("figure-4", "table-4"):
        configurations = STUDIES[name].configurations()
        assert any(configuration["data"] == "lfw+a" for configuration in configurations)
    labels = [row.label for row in STUDIES["figure-4"].report(made_up(STUDIES["figure-4"])).rows]
    assert any(label.startswith("Faces") for label in labels)


class TestSeparation:
    def test_apart_together_and_too_few(self) -> None:
        source = np.random.default_rng(0)
        groups = source.integers(2, size=400)
        noise = source.normal(size=(400, 2))
        assert figure_1.separation(noise + 5 * groups[:, None], groups) > 0.99
        assert abs(figure_1.separation(noise, groups) - 0.5) < 0.1
        assert math.isnan(figure_1.separation(noise[:20], groups[:20]))

    def test_no_cell_of_a_picture_shows_few_people(self) -> None:
        source = np.random.default_rng(0)
        plane, groups = source.normal(size=(500, 2)), source.integers(2, size=500)
        for grid in figure_1.density(plane, groups, ("f", "m")):
            people = np.array(grid["grid"]) * (groups == ("f", "m").index(grid["name"])).sum()
            shown = people[people > 0]
            assert shown.min() > figure_1.SMALLEST_BIN - 0.1


class TestControls:
    def start(self) -> Any:
        return problems.prepared("adult", "mlp-2", 0)

    @pytest.mark.parametrize("weighting", controls.WEIGHTINGS)
    def test_at_full_rank_no_weighting_changes_the_product(self, weighting: str) -> None:
        start = self.start()
        factors = controls.control_factors(start, weighting, 2, 0)
        weight = start.model.get_submodule("head").weight
        np.testing.assert_allclose(
            factors.product.detach().numpy(), weight.detach().numpy(), atol=1e-5
        )

    def test_rescaled_factors_have_the_same_product_and_are_others(self) -> None:
        start = self.start()
        plain, scaled = (
            controls.control_factors(start, weighting, 1, 1) for weighting in ("plain", "scaled")
        )
        np.testing.assert_allclose(
            scaled.product.detach().numpy(), plain.product.detach().numpy(), atol=1e-6
        )
        assert abs(float(scaled.up.norm() / plain.up.norm()) - 1) > 0.05

    def test_permuted_weights_are_the_same_weights_elsewhere(self) -> None:
        start = self.start()
        import torch

        neutral, permuted = (
            controls._importance(start.fisher, weighting, torch.Generator().manual_seed(0))
            for weighting in ("neutralized", "permuted")
        )
        assert neutral is not None
        assert permuted is not None
        assert torch.equal(neutral.sort().values, permuted.sort().values)
        assert not torch.equal(neutral, permuted)
