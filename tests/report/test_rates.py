from __future__ import annotations

from tests.report.example import example_metrics, with_single_features

from fairfactor.report.rates import rate_axes, rate_tables
from fairfactor.report.read import read_run
from fairfactor.report.run import RATES


def test_one_table_for_each_method_and_one_row_for_each_group() -> None:
    metrics = example_metrics()
    tables = rate_tables(read_run(metrics))
    assert [table.label for table in tables] == [m["label"] for m in metrics["methods"]]
    row = tables[0].parts[0][1][0]
    rate = metrics["methods"][0]["groups"][0]["selection_rate"]
    assert (row.name, row.count) == ("Female", "2,187")
    assert row.cells[0].value == f"{rate['mean']:.3f}"
    assert row.cells[0].interval == f"{rate['low']:.3f} to {rate['high']:.3f}"


def test_axes_cover_all_methods() -> None:
    run = read_run(example_metrics())
    for rate, axis in zip(RATES, rate_axes(run), strict=True):
        for method in run.methods:
            for group in method.groups:
                low, high = group.rates[rate].low, group.rates[rate].high
                assert low is not None
                assert high is not None
                assert axis.low <= low <= high <= axis.high


def test_a_rate_without_a_value_is_a_dash() -> None:
    metrics = example_metrics()
    metrics["methods"][0]["groups"][0]["true_positive_rate"] = None
    cell = rate_tables(read_run(metrics))[0].parts[0][1][0].cells[1]
    assert (cell.value, cell.interval, cell.chart) == ("—", "", "")


def test_single_features_come_before_their_intersections() -> None:
    metrics = with_single_features(example_metrics(groups=("a", "b", "c")))
    table = rate_tables(read_run(metrics))[1]
    assert [features for features, _ in table.parts] == ["sex", "race", "sex × race"]
    written = metrics["methods"][1]["single_features"][1]["groups"][0]
    row = table.parts[1][1][0]
    assert (row.name, row.is_small) == ("Black", False)
    assert row.cells[0].value == f"{written['selection_rate']['mean']:.3f}"
