"""The outcome of one seed of a comparison on disk, for work that is interrupted."""

from __future__ import annotations

from pathlib import Path

from fairfactor.data.columns import LabelColumn, NumericColumn, OneHotColumn
from fairfactor.data.encoding import TableEncoder
from fairfactor.diagnosis import Diagnosis, GroupOverlap, LayerDiagnosis, Stage
from fairfactor.fairness import ConfusionCounts
from fairfactor.finetuning import FinetuneHistory
from fairfactor.importance import GroupFisher
from fairfactor.intervals import Estimate
from fairfactor.models.mlp import build_mlp
from fairfactor.stored_values import load_value, save_value
from fairfactor.studies.calibration import CalibrationBin, GroupCalibration
from fairfactor.studies.seed_run import Outcome, SeedRun, TunedModel
from fairfactor.surgery import ParameterCount, ReplacementReport, load_model, save_model

_MODEL = "model"
_KINDS = (
    Outcome,
    ConfusionCounts,
    GroupCalibration,
    CalibrationBin,
    Estimate,
    Diagnosis,
    Stage,
    LayerDiagnosis,
    GroupOverlap,
    FinetuneHistory,
    GroupFisher,
    ParameterCount,
    ReplacementReport,
    TableEncoder,
    NumericColumn,
    OneHotColumn,
    LabelColumn,
)


def save_seed_run(run: SeedRun, folder: Path) -> None:
    """Write everything that a seed gave.

    Args:
        run: The outcome.
        folder: An existing folder.
    """
    tuned = {**vars(run.tuned), "model": None}
    save_value({**vars(run), "tuned": tuned}, folder)
    save_model(run.tuned.model, folder / _MODEL)


def load_seed_run(folder: Path) -> SeedRun:
    """Read what `save_seed_run` wrote.

    Args:
        folder: The folder.

    Returns:
        The outcome, with the same bits.
    """
    values = load_value(folder, _KINDS)
    tuned = values["tuned"]
    tuned["model"] = load_model(build_mlp(tuned["widths"]), folder / _MODEL).eval()
    return SeedRun(**{**values, "tuned": TunedModel(**tuned)})
