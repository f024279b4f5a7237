from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.report.example_tuning import example_tuning

from fairfactor.report.run import RATES
from fairfactor.report.tuning.details import point_details
from fairfactor.report.tuning.dumbbells import dumbbells
from fairfactor.report.tuning.read import read_tuning


def test_each_rate_goes_from_before_to_after() -> None:
    run = read_tuning(example_tuning())
    details = point_details(run)
    made = dumbbells(run, details[-1], details[30])
    assert tuple(item.rate for item in made) == RATES
    for index, item in enumerate(made):
        rows = [g for g in ET.fromstring(item.chart).iter("g") if g.get("class") == "dumbbell"]
        assert len(rows) == 2
        for place, row in enumerate(rows):
            old, new = details[-1].rates[index][place], details[30].rates[index][place]
            shift = next(line for line in row.iter("line") if line.get("class") == "shift")
            assert (shift.get("x1"), shift.get("x2")) == (f"{old.middle}%", f"{new.middle}%")
            assert item.rows[place] == (("Female", "Male")[place], old.text, new.text)


def test_a_missing_rate_is_hidden() -> None:
    metrics = example_tuning(points=3)
    metrics["points"][0]["groups"].pop()
    run = read_tuning(metrics)
    details = point_details(run)
    chart = ET.fromstring(dumbbells(run, details[-1], details[0])[0].chart)
    hidden = [g.get("hidden") for g in chart.iter("g") if g.get("class") == "dumbbell"]
    assert hidden == [None, ""]
