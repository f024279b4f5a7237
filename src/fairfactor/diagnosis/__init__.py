"""What replacing layers did to a model, as data: the signs of a failed low-rank step."""

from __future__ import annotations

from fairfactor.diagnosis.measure import LayerPair, diagnose, diagnose_layer, diagnose_models
from fairfactor.diagnosis.overlap import GroupOverlap, group_overlaps
from fairfactor.diagnosis.result import GAPS, Diagnosis, LayerDiagnosis, Stage
from fairfactor.diagnosis.signatures import (
    SMALL_GROUP,
    Finding,
    describe,
    signatures,
    stage_rows,
)

__all__ = [
    "GAPS",
    "SMALL_GROUP",
    "Diagnosis",
    "Finding",
    "GroupOverlap",
    "LayerDiagnosis",
    "LayerPair",
    "Stage",
    "describe",
    "diagnose",
    "diagnose_layer",
    "diagnose_models",
    "group_overlaps",
    "signatures",
    "stage_rows",
]
