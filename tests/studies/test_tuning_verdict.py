from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from fairfactor.mitigation import Constraint
from fairfactor.studies.reported import REPORTED_METRICS
from fairfactor.studies.tuning import Tuning
from fairfactor.studies.tuning_verdict import find_in_tuning, give_tuning_verdict

EO = "equalized_odds_difference_worst_case"


def point(sizes: tuple[int, ...] = (90, 90), **test: tuple[float, float, float]) -> dict[str, Any]:
    """A point as in the file, with value, low and high of some metrics on test rows."""
    usual = {metric["key"]: (0.5, 0.4, 0.6) for metric in REPORTED_METRICS}
    return {
        "test": {
            key: dict(zip(("value", "low", "high"), numbers, strict=True))
            for key, numbers in (usual | test).items()
        },
        "groups": [{"name": name, "count": size} for name, size in zip("abc", sizes, strict=False)],
    }


def asked(tuning: Tuning, *texts: str, met: bool = True, confidence: float | None = 0.9) -> Tuning:
    constraints = tuple(Constraint.parse(text) for text in texts)
    tuned = replace(tuning.tuned, met=met, message="What was found.")
    return replace(tuning, constraints=constraints, confidence=confidence, tuned=tuned)


class TestVerdict:
    def test_met(self, tuning: Tuning) -> None:
        before, after = point(**{EO: (0.2, 0.1, 0.3)}), point(**{EO: (0.05, 0.0, 0.125)})
        found = give_tuning_verdict(asked(tuning, "equalized_odds<=0.1"), before, after)
        assert found.headline == (
            "A model that keeps equalized_odds<=0.1 on validation rows was found."
        )
        gap, accuracy, message = found.sentences
        assert gap == (
            "On test rows its equalised odds difference (worst case) is 5.00 % (95 % interval 0.00 "
            "to 12.50); that of the unmitigated network is 20.00 % (95 % interval 10.00 to 30.00)."
        )
        assert accuracy == (
            "On test rows its accuracy is 50.00 % (95 % interval 40.00 to 60.00); that of the "
            "unmitigated network is 50.00 % (95 % interval 40.00 to 60.00)."
        )
        assert message == "What was found."

    def test_not_met(self, tuning: Tuning) -> None:
        constraints = ("equalized_odds<=0.01", "accuracy>=0.9")
        found = give_tuning_verdict(asked(tuning, *constraints, met=False), point(), point())
        assert found.headline == (
            "equalized_odds<=0.01 cannot be decided with the data at hand; the nearest is shown."
        )
        assert len(found.sentences) == 3
        decidable = asked(tuning, "equalized_odds<=0.9", met=False)
        assert give_tuning_verdict(decidable, point(), point()).headline == (
            "No model keeps equalized_odds<=0.9 at confidence 0.9; the nearest reachable one is "
            "shown."
        )
        plain = asked(tuning, *constraints, met=False, confidence=None)
        assert "accuracy>=0.9; the nearest" in give_tuning_verdict(plain, point(), point()).headline

    def test_nothing_asked(self, tuning: Tuning) -> None:
        found = give_tuning_verdict(asked(tuning), point(), point())
        number = f"{len(tuning.tuned.frontier):,}"
        assert found.headline == f"{number} operating points explored; choose one below."
        assert [sentence[:27] for sentence in found.sentences] == [
            "On test rows its accuracy i",
            "What was found.",
        ]

    def test_errors_are_told_as_accuracies(self, tuning: Tuning) -> None:
        constraints = ("error_rate<=0.3", "worst_group_error<=0.4", "false_positive_rate<=0.1")
        found = give_tuning_verdict(asked(tuning, *constraints), point(), point())
        assert [sentence.split(" is ")[0] for sentence in found.sentences[:-1]] == [
            "On test rows its accuracy",
            "On test rows its accuracy of the worst group",
            "On test rows its false positive rate difference",
        ]

    def test_what_is_undefined_is_called_so(self, tuning: Tuning) -> None:
        after = point(**{EO: (math.nan,) * 3, "accuracy": (0.5, 0.4, math.inf)})
        found = give_tuning_verdict(asked(tuning, "equalized_odds<=0.1"), point(), after)
        assert "(worst case) is undefined; that of" in found.sentences[0]
        assert "(95 % interval 40.00 to ∞)" in found.sentences[1]


class TestFindings:
    def found(self, tuning: Tuning, *texts: str, met: bool = True, **test: Any) -> list[str]:
        return [
            finding.code
            for finding in find_in_tuning(asked(tuning, *texts, met=met), point(**test))
            if finding.code != "undecidable"
        ]

    @pytest.mark.parametrize(
        ("text", "metric", "kept", "undecided", "missed"),
        [
            ("equalized_odds<=0.1", EO, (0.05, 0, 0.1), (0.1, 0, 0.2), (0.11, 0.05, 0.2)),
            ("accuracy>=0.6", "accuracy", (0.7, 0.6, 0.8), (0.7, 0.5, 0.8), (0.5, 0.4, 0.7)),
            ("error_rate<=0.4", "accuracy", (0.7, 0.6, 0.8), (0.7, 0.5, 0.8), (0.5, 0.4, 0.7)),
            (
                "worst_group_error<=0.4",
                "worst_group_accuracy",
                (0.7, 0.6, 0.8),
                (0.6, 0.5, 0.8),
                (0.5, 0.4, 0.7),
            ),
            (
                "false_positive_rate<=0.1",
                "false_positive_rate_difference",
                (0.05, 0, 0.1),
                (0.05, 0, math.inf),
                (0.2, 0, 0.3),
            ),
        ],
    )
    def test_test_rows_confirm_leave_open_or_deny(
        self, tuning: Tuning, text: str, metric: str, kept: Any, undecided: Any, missed: Any
    ) -> None:
        assert self.found(tuning, text, **{metric: kept}) == []
        assert self.found(tuning, text, **{metric: undecided}) == ["undecided-on-test"]
        assert self.found(tuning, text, **{metric: missed}) == ["missed-on-test"]
        assert self.found(tuning, text, **{metric: (math.nan,) * 3}) == ["undefined-on-test"]
        assert self.found(tuning, text, met=False, **{metric: missed}) == []

    def test_the_words(self, tuning: Tuning) -> None:
        tested = point(**{EO: (0.11, 0.0, 0.2), "accuracy": (0.7, 0.5, 0.8)})
        undecidable, missed, undecided = find_in_tuning(
            asked(tuning, "equalized_odds<=0.1", "error_rate<=0.4"), tested
        )
        assert undecidable.severity == "warning"
        assert undecidable.text.startswith(
            "equalized_odds<=0.1 cannot be decided with the data at hand: group "
        )
        assert "Even a model that treats all groups alike would show a gap of 0." in (
            undecidable.text
        )
        assert " or more in 10% of such samples. Merge small groups" in undecidable.text
        assert missed.severity == "warning"
        assert missed.text.startswith(
            "equalized_odds<=0.1 holds on validation rows and not on test rows (equalized odds "
            "0.1100). Ask for a stricter bound"
        )
        assert undecided.severity == "note"
        assert undecided.text == (
            "On test rows error_rate<=0.4 holds for the estimate, and the 95 % interval of its "
            "accuracy reaches 0.5000: these rows cannot decide it."
        )

    def test_a_network_that_reads_trees_is_a_note(self, boosted_tuning: Tuning) -> None:
        [finding] = find_in_tuning(replace(boosted_tuning, constraints=()), point())
        assert (finding.severity, finding.code) == ("note", "boosted-trees")
        assert "scores of boosted trees too, for the class and for the group" in finding.text

    def test_what_is_decidable_is_not_said_to_be_undecidable(self, tuning: Tuning) -> None:
        loose = asked(tuning, "equalized_odds<=0.9", "accuracy>=0.99")
        assert find_in_tuning(loose, point(**{EO: (0.05, 0, 0.1), "accuracy": (1, 1, 1)})) == []
        unsure = asked(tuning, "equalized_odds<=0.01", confidence=None)
        assert find_in_tuning(unsure, point(**{EO: (0.0, 0, 0.0)})) == []

    def test_a_model_that_asks_for_groups(self, tuning: Tuning) -> None:
        chosen = replace(tuning.tuned.chosen, groups_at_prediction=True)
        asking = replace(tuning, tuned=replace(tuning.tuned, chosen=chosen))
        [finding] = find_in_tuning(asked(asking), point())
        assert (finding.severity, finding.code) == ("warning", "groups-at-prediction")
        assert finding.text.startswith("This model asks for sex of every row that it predicts")
        met = give_tuning_verdict(asked(asking, "equalized_odds<=0.9"), point(), point())
        assert met.headline.endswith("was found; it asks for sex at prediction.")

    def test_small_groups(self, tuning: Tuning) -> None:
        [finding] = find_in_tuning(asked(tuning), point(sizes=(29, 30, 7)))
        assert (finding.severity, finding.code) == ("warning", "small-groups")
        assert "Groups with few test rows: a (29), c (7)." in finding.text
