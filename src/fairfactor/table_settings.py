"""Which table, and what its columns are: what every command that reads one is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fairfactor.data.sources import DATA_SETS, load_task
from fairfactor.data.tables import MOST_ROWS
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError
from fairfactor.finetuning import require_integer
from fairfactor.settings import Settings, option


@dataclass(frozen=True)
class TableSettings(Settings):
    """A data set by its name, or a file with the roles of its columns."""

    data: str = option(
        "adult",
        "adult, german, census-income, or the path of a table: CSV, TSV, Parquet, Arrow or "
        "Feather, gzipped or not.",
    )
    target: str | None = option(None, "Column to predict; needed for a file.")
    positive: str | None = option(None, "The favourable one of two classes of the target.")
    threshold: float | None = option(
        None, "Cut a target of numbers into two classes, up to this number and above it."
    )
    bins: int | None = option(
        None, "Cut a target of numbers into so many classes of about the same size."
    )
    exclude: tuple[str, ...] = option((), "Columns of a file that are never inputs.")
    most_rows: int = option(MOST_ROWS, "Rows to draw at random from a longer file.")
    sensitive: tuple[str, ...] = option(
        ("sex",), "Sensitive features; several make intersections. Never inputs of the model."
    )

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ArgumentError: If a value cannot be used.
        """
        super().__post_init__()
        if not self.sensitive or len(set(self.sensitive)) != len(self.sensitive):
            raise ArgumentError("sensitive", self.sensitive, "one or more different columns")
        require_integer("most_rows", self.most_rows, 10)
        if self.bins is not None:
            require_integer("bins", self.bins, 2, 100)
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ArgumentError("threshold", self.threshold, "a finite number")

    @property
    def is_file(self) -> bool:
        """Whether the data are a table of the user's own."""
        return self.data not in DATA_SETS

    def load(self) -> TableTask:
        """Read the table.

        Returns:
            The task.
        """
        return load_task(
            self.data,
            sensitive=self.sensitive,
            target=self.target,
            positive=self.positive,
            bins=self.bins,
            threshold=self.threshold,
            exclude=self.exclude,
            most_rows=self.most_rows,
            rows=self._rows,
            survey_weight_as_input=self._survey_weight_as_input,
        )

    @property
    def _rows(self) -> Literal["complete", "all"] | None:
        return None

    @property
    def _survey_weight_as_input(self) -> bool:
        return False
