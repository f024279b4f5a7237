"""The models that runs keep: those of a comparison of methods, and of a tuning."""

from __future__ import annotations

from dataclasses import replace

from fairfactor.data.group_lookup import GroupLookup
from fairfactor.models.mlp import is_mlp
from fairfactor.studies.comparison import Comparison
from fairfactor.studies.tuning import Tuning
from fairfactor.table_model import TableModel
from fairfactor.tune_config import TuneConfig


def kept_model(comparison: Comparison) -> TableModel:
    """The model that a run keeps: the last method at the last rank on the first seed.

    Args:
        comparison: A finished comparison.

    Returns:
        The model with its encoder.
    """
    tuned = comparison.runs[0].tuned
    return TableModel(
        factory=None if is_mlp(tuned.model) else comparison.config.model,
        model=tuned.model,
        widths=tuned.widths,
        encoder=tuned.encoder,
        target=comparison.task.target,
        class_names=comparison.task.class_names,
        extractor=comparison.task.extractor,
        origin={"method": tuned.cell[0], "rank": tuned.cell[1], "seed": tuned.seed},
    )


def chosen_model(tuning: Tuning, config: TuneConfig) -> TableModel:
    """The model that a tuning keeps: the operating point that it chose.

    Args:
        tuning: A finished tuning.
        config: What was asked for.

    Returns:
        The model with its encoder, and with where it finds groups if it asks for them.
    """
    chosen = tuning.tuned.chosen
    return TableModel(
        factory=None if tuning.problem.is_plain else config.model,
        model=chosen.decide,
        widths=tuning.problem.widths,
        encoder=tuning.problem.encoder,
        tree_scores=tuning.problem.tree_scores,
        target=tuning.task.target,
        class_names=tuning.task.class_names,
        origin={
            "recipe": chosen.recipe,
            "constraints": list(config.constraint),
            "met": tuning.tuned.met,
            "seed": config.seed,
        },
        extractor=tuning.task.extractor,
        groups=(
            GroupLookup(tuning.task.sensitive_columns, tuning.problem.group_names)
            if chosen.groups_at_prediction
            else None
        ),
    )


def backbone_model(tuning: Tuning, config: TuneConfig) -> TableModel:
    """The network that a tuning started from, without mitigation.

    Args:
        tuning: A finished tuning.
        config: What was asked for.

    Returns:
        The network with its encoder.
    """
    origin = {"recipe": "unmitigated", "seed": config.seed}
    return replace(
        chosen_model(tuning, config), model=tuning.problem.backbone, origin=origin, groups=None
    )
