"""One seed of a comparison: split, pre-train, prepare the last layer once, run every method."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fairfactor.config import RunConfig
from fairfactor.data.encoding import Encoding, TableEncoder
from fairfactor.data.splits import RowParts, paper_split
from fairfactor.data.task import TableTask
from fairfactor.diagnosis import Diagnosis, diagnose
from fairfactor.errors import FairfactorWarning
from fairfactor.fairness import METRICS, ConfusionCounts, confusion_counts
from fairfactor.finetuning import FinetuneConfig, FinetuneHistory, finetune
from fairfactor.groups import Groups
from fairfactor.importance import GroupFisher
from fairfactor.methods import METHODS
from fairfactor.models.mlp import build_mlp, layer_widths
from fairfactor.pipeline import (
    Fitted,
    Prepared,
    Rows,
    Stopwatch,
    fit,
    predict_probabilities,
    prepare,
)
from fairfactor.starting_model import StartingModel
from fairfactor.studies.calibration import GroupCalibration, calibrate_groups
from fairfactor.studies.feature_groups import feature_groups
from fairfactor.surgery import ParameterCount, ReplacementReport

Cell = tuple[str, int | None]
"""A method and its rank; ``None`` for a method that does not factorise."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """One method and rank on one seed, measured on test rows.

    Attributes:
        cell: Method and rank.
        seed: Seed of the split, the initial weights and the order of the rows.
        metrics: Every metric by its explicit name.
        counts: Rows by group, class and prediction on the test rows.
        feature_counts: The same by each of several sensitive features alone.
        history: Fine-tuning; ``None`` for the untouched model.
        replacement: What the surgery changed; ``None`` if nothing was replaced.
        parameters: How many parameters were tuned, and how many there are.
        seconds: From factorisation to the end of fine-tuning.
    """

    cell: Cell
    seed: int
    metrics: dict[str, float]
    counts: ConfusionCounts
    feature_counts: dict[str, ConfusionCounts]
    history: FinetuneHistory | None
    replacement: ReplacementReport | None
    parameters: ParameterCount
    seconds: float


@dataclass(frozen=True, eq=False)
class TunedModel:
    """A tuned model with all that is needed to use it on a new table.

    Attributes:
        model: The tuned network.
        widths: Its layers' widths, to build it again.
        encoder: From table columns to its inputs.
        cell: Method and rank.
        seed: Its seed.
    """

    model: nn.Module
    widths: tuple[int, ...]
    encoder: TableEncoder
    cell: Cell
    seed: int


@dataclass(frozen=True, eq=False)
class SeedRun:
    """All that came out of one seed.

    Attributes:
        outcomes: In the order of the cells.
        fisher: Group Fisher of the last layer of the pre-trained network.
        tuned: The model of the last cell.
        diagnosis: What replacing and tuning the last layer did to that model, on the validation
            rows; ``None`` if it kept the layer whole.
        calibration: How the probabilities of the pre-trained network ("before") and of that model
            ("after") come true in each group, on the test rows.
        group_sizes: Number of rows of each group in each part of the split.
        seconds: Seconds of each part of the work.
    """

    outcomes: tuple[Outcome, ...]
    fisher: GroupFisher
    tuned: TunedModel
    diagnosis: Diagnosis | None
    calibration: dict[str, tuple[GroupCalibration, ...]]
    group_sizes: dict[str, NDArray[np.int64]]
    seconds: dict[str, float]


def cells(config: RunConfig) -> list[Cell]:
    """The methods of a run, each rank of a factorising one separately.

    Args:
        config: The run.

    Returns:
        Cells in the order of the methods, then of the ranks.
    """
    return [
        (name, rank)
        for name in config.method
        for rank in (config.rank if METHODS[name].weighting else (None,))
    ]


def run_seed(
    task: TableTask,
    groups: Groups,
    config: RunConfig,
    seed: int,
    start: StartingModel | None = None,
) -> SeedRun:
    """Run every method and rank on one seed with the same budget.

    The encoder and the network know the pre-training rows only. Warnings of single fits are left
    out, because `fairfactor.studies.findings` says the same once for all of them.

    Args:
        task: The table.
        groups: Group of each of its rows.
        config: Methods, ranks and budgets.
        seed: Seed of the split, the initial weights and the order of the rows.
        start: The pre-trained network, in place of one that is pre-trained on this table.

    Returns:
        Every outcome.
    """
    stopwatch = Stopwatch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FairfactorWarning)
        with stopwatch.part("data"):
            encoder = start.fitting_encoder(task) if start else None
            rows, encoder = encoded_rows(task, groups, config.table_encoding, seed, encoder=encoder)
        with stopwatch.part("pretraining"):
            model = _network(rows, task.class_names, config, seed, start)
        widths = layer_widths(model, rows["train"].inputs.shape[1], len(task.class_names))
        prepared = prepare(
            model, rows["train"], rows["validation"], group_names=groups.names, stopwatch=stopwatch
        )
        features = feature_groups(task, _split(task, seed)["test"])
        fitted = [
            _run_cell(prepared, rows["test"], features, config, seed, cell)
            for cell in cells(config)
        ]
    outcomes, fits = zip(*fitted, strict=True)
    return SeedRun(
        outcomes=outcomes,
        fisher=prepared.fisher,
        tuned=TunedModel(fits[-1].model, widths, encoder, outcomes[-1].cell, seed),
        diagnosis=_diagnose(prepared, rows["validation"], fits[-1]),
        calibration={
            "before": _calibrate(model, rows["test"], groups.names),
            "after": _calibrate(fits[-1].model, rows["test"], groups.names),
        },
        group_sizes={
            name: Groups(part.groups.numpy(), groups.names).counts for name, part in rows.items()
        },
        seconds=stopwatch.seconds,
    )


def _network(
    rows: Mapping[str, Rows],
    class_names: tuple[str, ...],
    config: RunConfig,
    seed: int,
    start: StartingModel | None,
) -> nn.Module:
    """The pre-trained network; one that is not trained yet is trained on the pre-training rows."""
    inputs, classes = rows["train"].inputs.shape[1], len(class_names)
    if start is None:
        model: nn.Module = build_mlp((inputs, *config.widths, classes), seed=seed)
        untrained = True
    else:
        model, untrained = start.build(inputs, class_names, seed)
    if untrained:
        pretrain(model, rows["pretraining"], config.pretraining, seed)
    return model.eval()


def encoded_rows(
    task: TableTask,
    groups: Groups,
    encoding: Encoding,
    seed: int,
    *,
    encoder: TableEncoder | None = None,
) -> tuple[dict[str, Rows], TableEncoder]:
    """Split a table as the paper does and encode it by what its pre-training rows say.

    Args:
        task: The table.
        groups: Group of each of its rows.
        encoding: How categories become inputs.
        seed: Seed of the split.
        encoder: One that was learned before, to be used as it is.

    Returns:
        The rows of each part by its name, and the encoder.
    """
    parts = _split(task, seed)
    encoder = encoder or TableEncoder.fit(task.inputs.iloc[parts["pretraining"]], encoding)
    inputs = torch.from_numpy(encoder.transform(task.inputs))
    targets, codes = torch.from_numpy(task.labels), torch.from_numpy(groups.codes.copy())
    return {name: Rows(inputs[at], targets[at], codes[at]) for name, at in parts.items()}, encoder


def _split(task: TableTask, seed: int) -> RowParts:
    """The paper's split of a table."""
    return paper_split(len(task.frame), seed=seed, together=task.together, published=task.published)


def hold_out(source: Rows, seed: int) -> tuple[Rows, Rows]:
    """Set a tenth of the rows aside at random, to choose the epoch of a training.

    Args:
        source: The rows.
        seed: Seed of the choice.

    Returns:
        The rows to train on, and those set aside.
    """
    order = torch.randperm(len(source.targets), generator=torch.Generator().manual_seed(seed))
    held_out, trained = order.tensor_split([len(order) // 10])
    return source.at(trained), source.at(held_out)


def pretrain(model: nn.Module, source: Rows, config: FinetuneConfig, seed: int) -> nn.Module:
    """Train a whole network in place, a tenth of the rows choosing the epoch.

    Args:
        model: The network.
        source: The pre-training rows.
        config: How.
        seed: Seed of the rows set aside and of the order of the others.

    Returns:
        The same network.
    """
    trained, held_out = hold_out(source, seed)
    finetune(
        model,
        (trained.inputs, trained.targets),
        (held_out.inputs, held_out.targets),
        config=config,
        seed=seed,
    )
    return model


def count_predictions(model: nn.Module, rows: Rows, group_names: Sequence[str]) -> ConfusionCounts:
    """Count the most probable classes of a model by group and class.

    Args:
        model: From inputs to logits.
        rows: The rows to predict.
        group_names: Name of each group code.

    Returns:
        The counts.
    """
    return _count(model, rows, Groups(rows.groups.numpy(), tuple(group_names)))


def _count(model: nn.Module, rows: Rows, groups: Groups) -> ConfusionCounts:
    probabilities = predict_probabilities(model, rows.inputs)
    return confusion_counts(
        rows.targets.numpy(),
        probabilities.argmax(dim=1).numpy(),
        groups,
        n_classes=probabilities.shape[1],
    )


def _calibrate(
    model: nn.Module, rows: Rows, group_names: Sequence[str]
) -> tuple[GroupCalibration, ...]:
    """How the probabilities of a model come true in each group."""
    return calibrate_groups(
        predict_probabilities(model, rows.inputs).numpy(),
        rows.targets.numpy(),
        Groups(rows.groups.numpy(), tuple(group_names)),
    )


def _run_cell(
    prepared: Prepared,
    test: Rows,
    features: Mapping[str, Groups],
    config: RunConfig,
    seed: int,
    cell: Cell,
) -> tuple[Outcome, Fitted]:
    """Fit one method and rank, and count what it predicts on the test rows."""
    start = perf_counter()
    fitted = fit(prepared, *cell, alpha=config.alpha, config=config.finetuning, seed=seed)
    seconds = perf_counter() - start
    with prepared.stopwatch.part("evaluate"):
        counts = count_predictions(fitted.model, test, prepared.fisher.groups)
        by_feature = {name: _count(fitted.model, test, groups) for name, groups in features.items()}
        metrics = {name: float(metric(counts)) for name, metric in METRICS.items()}
    outcome = Outcome(
        cell=cell,
        seed=seed,
        metrics=metrics,
        counts=counts,
        feature_counts=by_feature,
        history=fitted.history,
        replacement=fitted.replacement,
        parameters=fitted.parameters,
        seconds=seconds,
    )
    return outcome, fitted


def _diagnose(prepared: Prepared, validation: Rows, fitted: Fitted) -> Diagnosis | None:
    """Compare the pre-trained, the replaced and the tuned network on the validation rows."""
    if fitted.replaced is None:
        return None
    replaced = copy.deepcopy(prepared.model)
    replaced.set_submodule(prepared.layer, fitted.replaced)
    return diagnose(
        prepared.model,
        replaced,
        validation.batches(4096),
        trained=fitted.model if fitted.history else None,
        fishers={prepared.layer: prepared.fisher},
    )
