"""A short run on Adult."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairfactor.config import RunConfig
from fairfactor.data.adult import adult_task
from fairfactor.kept_models import kept_model
from fairfactor.run_folder import RunFolder
from fairfactor.studies.comparison import Comparison, compare_methods
from fairfactor.studies.summary import summarize
from fairfactor.table_model import TableModel

OPTIONS = {
    "seeds": 1,
    "pretraining_epochs": 1,
    "epochs": 1,
    "method": ("neutralized", "head-tuning"),
    "rank": (1,),
}


@dataclass(frozen=True)
class AdultRun:
    folder: RunFolder
    model: TableModel
    comparison: Comparison


def run_on_adult(path: Path) -> AdultRun:
    """Do what ``fairfactor run`` does, and keep the model that it had in memory."""
    config = RunConfig(**OPTIONS)  # type: ignore[arg-type]
    task = adult_task(survey_weight_as_input=True)
    comparison = compare_methods(task, config, workers=1)
    model = kept_model(comparison)
    folder = RunFolder.write(path, config.to_dict(), summarize(comparison), model)
    return AdultRun(folder, model, comparison)
