from __future__ import annotations

import pytest
from tests.report.example_tuning import example_tuning

from fairfactor.errors import SavedModelError
from fairfactor.report.tuning.read import read_tuning


def test_reads_the_example() -> None:
    metrics = example_tuning()
    run = read_tuning(metrics)
    assert (run.met, run.confidence, len(run.points)) == (True, 0.95, 60)
    assert run.chosen_point is run.points[metrics["chosen"]]
    first = run.points[0]
    value = metrics["points"][0]["test"]["accuracy"]
    assert first.estimate("test", "accuracy").parts == (value["low"], value["value"], value["high"])
    group = first.groups[0]
    assert group.confusion is not None
    assert group.confusion.true_positives == metrics["points"][0]["groups"][0]["confusion"]["tp"]
    assert run.layers is not None
    assert run.layers.unmitigated[0].readability == pytest.approx((0.95, 0.93))
    assert run.layers.chosen[1].shares == (0.7, 0.1, 0.05)


def test_what_may_be_null_is_none() -> None:
    metrics = example_tuning(constraints=()) | {"chosen": None, "layers": None, "confidence": None}
    metrics["points"][0]["groups"][0]["confusion"] = None
    run = read_tuning(metrics)
    assert run.met is run.chosen is run.chosen_point is run.layers is run.confidence is None
    assert run.points[0].groups[0].confusion is None


@pytest.mark.parametrize("chosen", [60, -1, 0.5])
def test_the_chosen_point_has_to_be_there(chosen: float) -> None:
    with pytest.raises(SavedModelError, match=rf"{chosen:g} at 'chosen'.*one of 60 points"):
        read_tuning(example_tuning() | {"chosen": chosen})
