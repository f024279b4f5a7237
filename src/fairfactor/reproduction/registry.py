"""Every study by name, in the order of the page."""

from __future__ import annotations

from fairfactor.reproduction.studies import (
    figure_1,
    figure_3,
    figure_4,
    figure_5,
    table_2,
    table_3,
    table_4,
)
from fairfactor.reproduction.study import Study

STUDIES: dict[str, Study] = {
    module.STUDY.name: module.STUDY
    for module in (
        figure_4,
        table_2,
        table_3,
        table_4,
        figure_5,
        figure_3,
        figure_1,
    )
}
"""The studies."""
