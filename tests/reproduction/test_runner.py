from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.reproduction.small_study import CALLS, STUDY
from tests.studies.test_parallel import InThreads

from fairfactor.errors import ArgumentError
from fairfactor.reproduction.runner import collect, run_cells, store_of
from fairfactor.studies import parallel


@pytest.fixture(autouse=True)
def calls() -> None:
    CALLS.clear()


def test_every_cell_is_run_once_and_kept(tmp_path: Path) -> None:
    run_cells([STUDY], range(3), tmp_path, workers=1)
    assert sorted(CALLS) == [(shift, seed) for shift in (0.0, 0.1) for seed in range(3)]
    run_cells([STUDY], range(4), tmp_path, workers=1)
    assert sorted(CALLS[6:]) == [(0.0, 3), (0.1, 3)]


def test_an_interrupted_run_goes_on_to_the_same_numbers(tmp_path: Path, monkeypatch) -> None:
    run_cells([STUDY], range(2), tmp_path / "whole", workers=1)
    whole = collect(STUDY, range(2), tmp_path / "whole")
    original, done = STUDY.run, []

    def interrupted(configuration, seed):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(seed)
        return original(configuration, seed)

    monkeypatch.setattr("fairfactor.reproduction.runner.store_of", lambda *_: store)
    store = store_of(STUDY, tmp_path / "part")
    object.__setattr__(STUDY, "run", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_cells([STUDY], range(2), tmp_path / "part", workers=1)
    finally:
        object.__setattr__(STUDY, "run", original)
    assert len(list((tmp_path / "part" / "small").iterdir())) == 3
    CALLS.clear()
    run_cells([STUDY], range(2), tmp_path / "part", workers=1)
    assert len(CALLS) == 1
    assert collect(STUDY, range(2), tmp_path / "part") == whole


def test_workers_do_not_change_the_numbers(tmp_path: Path, monkeypatch) -> None:
    # A process would not find this study; studies/test_comparison.py starts real ones.
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", InThreads)
    for workers in (1, 2):
        run_cells([STUDY], range(2), tmp_path / str(workers), workers=workers)
    one, two = (collect(STUDY, range(2), tmp_path / str(workers)) for workers in (1, 2))
    assert one == two


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seed": 0}'])
def test_a_damaged_cell_is_run_again(tmp_path: Path, text: str) -> None:
    run_cells([STUDY], [0], tmp_path, workers=1)
    file = next((tmp_path / "small").iterdir())
    before = file.read_text()
    file.write_text(text)
    run_cells([STUDY], [0], tmp_path, workers=1)
    assert file.read_text() == before


def test_a_cell_of_other_code_is_not_used(tmp_path: Path) -> None:
    store = store_of(STUDY, tmp_path)
    store.save({"shift": 0.0}, 0, {"metrics": {}})
    assert store.load({"shift": 0.0}, 0) == {"metrics": {}}
    other = type(store)(store.folder, store.study, "another")
    assert other.load({"shift": 0.0}, 0) is None
    assert store.load({"shift": 0.0}, 1) is None
    assert store.load({"shift": 0.1}, 0) is None


def test_what_is_not_run_is_not_told(tmp_path: Path) -> None:
    run_cells([STUDY], [0], tmp_path, workers=1)
    with pytest.raises(ArgumentError, match="all cells of small"):
        collect(STUDY, [0, 1], tmp_path)


def test_results_are_json_with_verdicts(tmp_path: Path) -> None:
    run_cells([STUDY], range(3), tmp_path, workers=1)
    content = json.loads(json.dumps(collect(STUDY, range(3), tmp_path), allow_nan=False))
    first, second = (row["columns"] for row in content["rows"])
    gap = "demographic_parity_difference"
    assert first[gap]["verdict"] == "reproduces"
    assert second[gap]["verdict"] == "does not reproduce"
    assert first[gap]["values"] == [0.2, 0.201, 0.202]
    assert "verdict" not in first["equalized_odds_difference_sum"]
    assert content["claims"][0]["verdict"] == "reproduces"
    assert content["gaps"] == [{"label": "A face", "reason": "no images here"}]
