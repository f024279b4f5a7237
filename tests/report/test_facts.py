from __future__ import annotations

import pytest
from tests.report.example import example_metrics

from fairfactor.errors import SavedModelError
from fairfactor.report.facts import read_estimate, read_estimates, read_facts
from fairfactor.report.fields import Fields


def test_reads_what_all_kinds_have() -> None:
    facts = read_facts(Fields(example_metrics()))
    assert facts.data.name == "Adult"
    assert len(facts.metrics) == 8
    assert [finding.severity for finding in facts.findings] == ["warning", "note"]
    assert facts.headline.startswith("No difference detected")


@pytest.mark.parametrize("version", [0, 2, None])
def test_another_format_is_refused(version: int | None) -> None:
    metrics = example_metrics() | {"format": version}
    with pytest.raises(SavedModelError, match="this version reads 1"):
        read_facts(Fields(metrics))


def test_an_estimate_is_read_under_its_name_and_null_entries_are_left_out() -> None:
    values = {"low": 0.1, "value": 0.2, "high": 0.3}
    assert read_estimate(Fields(values), "value").parts == (0.1, 0.2, 0.3)
    assert list(read_estimates(Fields({"a": values, "b": None}), "value")) == ["a"]
