from __future__ import annotations

import pytest
from tests.report.example import example_metrics

from fairfactor.errors import SavedModelError
from fairfactor.report.read import read_run


def test_reads_the_example() -> None:
    metrics = example_metrics()
    run = read_run(metrics)
    assert run.seed_count == 10
    assert [method.identifier for method in run.methods] == [m["id"] for m in metrics["methods"]]
    last = run.methods[-1]
    assert last.summary["accuracy"].mean == metrics["methods"][-1]["summary"]["accuracy"]["mean"]
    assert last.replacement is not None
    assert last.replacement.parameters_after == 46
    assert run.methods[0].replacement is None
    assert run.importance is not None
    assert len(run.importance.rows) == 2


def test_importance_needs_one_row_for_each_group() -> None:
    metrics = example_metrics()
    metrics["importance"]["row_importance"].pop()
    with pytest.raises(SavedModelError, match=r"1 rows at 'importance\.row_importance' for 2"):
        read_run(metrics)
