"""Diagnoses made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fairfactor.diagnosis import Diagnosis, GroupOverlap, LayerDiagnosis, Stage
from fairfactor.fairness import METRICS
from fairfactor.surgery import ReplacementReport


def stage(parameters: int = 1000, flops: float = 2000.0, **metrics: float) -> Stage:
    usual = dict.fromkeys(METRICS, 0.1)
    return Stage(usual | metrics, changed_predictions=0.05, parameters=parameters, flops=flops)


def overlap(correlation: float = 0.5, scale_ratio: float = 1.0) -> GroupOverlap:
    return GroupOverlap(("A", "B"), correlation, shared_top=0.4, scale_ratio=scale_ratio)


def replacement(**changes: Any) -> ReplacementReport:
    usual = ReplacementReport(
        rank=3,
        break_even_rank=7,
        is_full_rank=False,
        parameters_before=240,
        parameters_after=106,
        relative_change=0.2,
    )
    return replace(usual, **changes)


def layer(**changes: Any) -> LayerDiagnosis:
    usual = LayerDiagnosis(
        replacement=replacement(),
        trained_change=0.3,
        inputs=16,
        condition=12.0,
        zero_rows=0,
        overlaps=(overlap(),),
    )
    return replace(usual, **changes)


def diagnosis(**changes: Any) -> Diagnosis:
    usual = Diagnosis(
        groups={"A": 3000, "B": 2000},
        before=stage(),
        after=stage(866, 1732.0),
        trained=stage(866, 1732.0),
        layers={"hidden": layer()},
    )
    return replace(usual, **changes)
