"""Texts whose encoder is tuned for the task before its features are taken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fairfactor.checkpoints import Checkpoints
from fairfactor.config import RunConfig
from fairfactor.data.request import DataRequest
from fairfactor.data.sources import require_usable
from fairfactor.data.splits import benchmark_split, paper_split
from fairfactor.data.task import TableTask
from fairfactor.data.texts.text_table import TextTable, load_text_table
from fairfactor.data.texts.text_task import encoder_folder, task_of
from fairfactor.studies.task_groups import task_groups
from fairfactor.table_settings import TableSettings
from fairfactor.text_tuning import TextClassifier
from fairfactor.text_tuning.rows import TextRows

_HELD_OUT = 10  # of the pre-training rows of a run, one in so many chooses the epoch


def tuned_text_task(
    config: TableSettings,
    request: DataRequest,
    *,
    seed: int,
    minimum_group_size: int,
    checkpoints: Checkpoints,
    on_epoch: Callable[[], None] = lambda: None,
) -> TableTask:
    """Tune the encoder on the training rows of a split, then take its features of all rows.

    What is tuned on is what the rest of the work trains its first network on: the training rows of
    the benchmark protocol, or the pre-training rows of a run. No test row is seen.

    Args:
        config: Which layers of which encoder, and how they are tuned.
        request: The data.
        seed: Seed of the split, and of the tuning.
        minimum_group_size: Groups with fewer rows are merged.
        checkpoints: Where finished epochs are kept.
        on_epoch: Called after each epoch.

    Returns:
        The task, whose extractor is the tuned encoder.
    """
    require_usable(request)
    table = load_text_table(request)
    outline = _outline(table, request)
    groups = task_groups(outline, minimum_group_size)
    classifier = TextClassifier.from_folder(
        encoder_folder(request.model),
        class_names=outline.class_names,
        maximum_tokens=request.maximum_tokens,
        seed=seed,
    )
    rows = TextRows.of(
        classifier.tokens, list(table.frame[table.column]), outline.labels, groups.codes
    )
    tuned_on, chosen_on = _parts(config, outline, seed)
    classifier.tune_rows(
        rows.at(tuned_on.tolist()),
        rows.at(chosen_on.tolist()),
        groups.names,
        config.encoder_tuning(seed),
        checkpoints=checkpoints.within("encoder"),
        on_epoch=on_epoch,
    )
    return task_of(table, classifier.extractor(table.column), request)


def _outline(table: TextTable, request: DataRequest) -> TableTask:
    """The task with the texts themselves in place of their features."""
    named = dict.fromkeys((table.column, table.target, *request.beside_target))
    return TableTask(
        table.frame[list(named)],
        target=table.target,
        sensitive_columns=request.sensitive,
        positive_label=request.positive or table.positive,
        together=table.together,
        parts_column=request.parts,
    )


def _parts(
    config: TableSettings, outline: TableTask, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to tune on, and rows to choose the epoch on."""
    together, published = outline.together, outline.published
    if not isinstance(config, RunConfig):
        parts = benchmark_split(outline.labels, seed=seed, together=together, published=published)
        return parts["train"], parts["validation"]
    parts = paper_split(len(outline.frame), seed=seed, together=together, published=published)
    rows = parts["pretraining"]
    held_out = np.random.default_rng(seed).permutation(len(rows)) % _HELD_OUT == 0
    return rows[~held_out], rows[held_out]
