from __future__ import annotations

from tests.report.example import example_metrics

from fairfactor.report.contents import groups_in_words
from fairfactor.report.read import read_run


def test_groups_are_named_if_they_are_few_and_counted_if_not() -> None:
    assert groups_in_words(read_run(example_metrics()).data) == "sex (Female and Male)"
    names = [f"Group {index} with a rather long name" for index in range(12)]
    assert groups_in_words(read_run(example_metrics(groups=names)).data) == "sex (12 groups)"
    assert groups_in_words(read_run(example_metrics(groups=[])).data) == "sex"
