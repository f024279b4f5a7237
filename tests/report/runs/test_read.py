from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.report.runs.examples import sources, variant

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.report.runs.read import (
    MOST_RUNS,
    RunSource,
    find_differences,
    have_same_test_rows,
    read_runs,
)
from fairfactor.run_folder import RunFolder


class TestReadRuns:
    def test_every_bound_of_any_run_is_checked_on_all(self, tuning_folder: RunFolder) -> None:
        one = RunSource("one", tuning_folder.metrics, tuning_folder.config)
        metrics = tuning_folder.metrics
        bound = {**metrics["constraints"][0], "text": "accuracy>=0.99"}
        other = RunSource("other", {**metrics, "constraints": [bound]}, one.config)
        found = read_runs([one, other])
        bounds = ["equalized_odds<=0.2", "accuracy>=0.6", "accuracy>=0.99"]
        for run in found:
            assert [str(checked.constraint) for checked in run.checked] == bounds
            assert run.checked[2].outcome == "violated"
        assert [len(run.kept.constraints) for run in found] == [2, 1]

    @pytest.mark.parametrize(
        ("key", "word"), [("name", "data"), ("target", "target"), ("positive_class", "positive")]
    )
    def test_runs_on_another_question_are_refused(
        self, tuning_folder: RunFolder, key: str, word: str
    ) -> None:
        other = variant(tuning_folder, data={key: "another"})
        text = rf"same {word}.*one has .* and other has 'another'"
        with pytest.raises(ArgumentError, match=text):
            read_runs([*sources(tuning_folder, "one"), other])

    @pytest.mark.parametrize("names", [[], ["a"], ["a", "a"], list(map(str, range(13)))])
    def test_the_number_of_runs(self, tuning_folder: RunFolder, names: list[str]) -> None:
        assert MOST_RUNS == 12
        with pytest.raises(ArgumentError, match="2 to 12 different runs"):
            read_runs(sources(tuning_folder, *names))

    def test_a_run_without_a_model_is_named(
        self, tuning_folder: RunFolder, peers_folder: RunFolder
    ) -> None:
        with pytest.raises(SavedModelError, match=r"^peers: .*keeps no model"):
            read_runs([*sources(tuning_folder, "one"), *sources(peers_folder, "peers")])


class TestFindDifferences:
    def find(self, folder: RunFolder, other: RunSource) -> list[str]:
        runs = read_runs([*sources(folder, "one"), other])
        return [finding.text for finding in find_differences(runs)]

    def test_the_same_run_twice_differs_in_nothing(self, tuning_folder: RunFolder) -> None:
        (other,) = sources(tuning_folder, "other")
        assert self.find(tuning_folder, other) == []
        assert have_same_test_rows(read_runs([*sources(tuning_folder, "one"), other]))

    @pytest.mark.parametrize(
        ("changes", "phrase"),
        [
            ({"config": {"seed": 1}}, "different test rows"),
            ({"data": {"rows": 601}}, "different numbers of rows: one 600 and other 601"),
            ({"data": {"sensitive_features": ["age"]}}, "different groups.*other: age"),
            ({"point": {"groups_at_prediction": True}}, "^other asks for the group"),
        ],
    )
    def test_what_differs_is_warned_of(
        self, tuning_folder: RunFolder, changes: dict[str, Any], phrase: str
    ) -> None:
        import re

        (text,) = self.find(tuning_folder, variant(tuning_folder, **changes))
        assert re.search(phrase, text)

    def test_other_counts_are_other_test_rows(self, tuning_folder: RunFolder) -> None:
        other = variant(tuning_folder)
        metrics = copy.deepcopy(dict(other.metrics))
        metrics["kept"]["test_counts"][0][0][0] += 1
        texts = self.find(tuning_folder, RunSource("other", metrics, other.config))
        assert any("different test rows" in text for text in texts)
