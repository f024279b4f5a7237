"""Every study by name, in the order of the page."""

from __future__ import annotations

from fairfactor.reproduction.studies import (
    alpha,
    architectures,
    controls,
    cost,
    figure_1,
    figure_3,
    figure_4,
    figure_5,
    fisher_stability,
    images,
    intersections,
    lfw_gap,
    rank,
    table_2,
    table_3,
    table_4,
    transfer,
)
from fairfactor.reproduction.study import Study

STUDIES: dict[str, Study] = {
    module.STUDY.name: module.STUDY
    for module in (
        figure_4,
        controls,
        table_2,
        table_3,
        transfer,
        table_4,
        figure_5,
        figure_3,
        figure_1,
        alpha,
        rank,
        fisher_stability,
        architectures,
        intersections,
        images,
        lfw_gap,
        cost,
    )
}
"""The studies."""
