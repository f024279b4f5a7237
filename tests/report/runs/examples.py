"""Runs to compare: a real one under several names, and changed ones."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from fairfactor.report.runs.read import RunSource
from fairfactor.run_folder import RunFolder


def sources(folder: RunFolder, *names: str) -> list[RunSource]:
    return [RunSource(name, folder.metrics, folder.config) for name in names]


def variant(
    folder: RunFolder,
    *,
    data: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    point: Mapping[str, Any] | None = None,
) -> RunSource:
    """The run with some values changed, named "other"."""
    metrics = copy.deepcopy(folder.metrics)
    metrics["data"] |= data or {}
    metrics["points"][metrics["chosen"]] |= point or {}
    return RunSource("other", metrics, {**folder.config, **(config or {})})
