"""The outcome of one seed of a comparison on disk, for work that is interrupted."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from fairfactor.data.columns import LabelColumn, NumericColumn, OneHotColumn
from fairfactor.data.encoding import TableEncoder
from fairfactor.data.merged_column import MergedColumn
from fairfactor.diagnosis import Diagnosis, GroupOverlap, LayerDiagnosis, Stage
from fairfactor.fairness import ConfusionCounts
from fairfactor.finetuning import FinetuneHistory
from fairfactor.importance import GroupFisher
from fairfactor.intervals import Estimate
from fairfactor.models.mlp import build_mlp
from fairfactor.starting_model import StartingModel
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
    MergedColumn,
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


def load_seed_run(folder: Path, start: StartingModel | None = None) -> SeedRun:
    """Read what `save_seed_run` wrote.

    Args:
        folder: The folder.
        start: The pre-trained network that the run started from, for the form of the model.

    Returns:
        The outcome, with the same bits.
    """
    values = load_value(folder, _KINDS)
    tuned = values["tuned"]
    widths = tuned["widths"]
    if start is None:
        network: nn.Module = build_mlp(widths)
    else:
        names = tuple(map(str, range(widths[-1])))  # any; weights follow
        network, _ = start.build(widths[0], names, tuned["seed"])
    tuned["model"] = load_model(network, folder / _MODEL).eval()
    return SeedRun(**{**values, "tuned": TunedModel(**tuned)})
