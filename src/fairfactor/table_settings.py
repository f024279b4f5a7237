"""Which table, and what its columns are: what every command that reads one is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fairfactor.data.images.table import UnusableImages
from fairfactor.data.request import DataRequest
from fairfactor.data.sources import default_sensitive, is_extracted, is_known, load_task
from fairfactor.data.tables import MOST_ROWS
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError
from fairfactor.feature_extraction.extract import OnRows
from fairfactor.finetuning import require_integer
from fairfactor.settings import Settings, option


@dataclass(frozen=True)
class TableSettings(Settings):
    """A data set by its name, or a file with the roles of its columns."""

    data: str = option(
        "adult",
        "adult, german, census-income, or the path of a table: CSV, TSV, Parquet, Arrow or "
        "Feather, gzipped or not; of images: drawn-faces, celeba, lfwa, utkface, fairface, folder.",
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
        (),
        "Sensitive features; several make intersections. Never inputs of the model. Those of the "
        "data set, such as sex, if none is named.",
    )
    text: str | None = option(None, "Column of texts, which --model turns into features.")
    root: str | None = option(None, "Folder of a data set of images, as it is downloaded.")
    images: str | None = option(None, "Folder of the image files that a table names.")
    labels: str | None = option(None, "Table of the files in --images.")
    unusable_images: UnusableImages = option(
        "refuse",
        "refuse, or leave-out, which goes on without the rows whose image is missing or cannot be "
        "decoded.",
    )
    split_by: str | None = option(
        None,
        "Column whose equal values stay in one part of every split, such as the person in a "
        "photograph; none for row by row. That of the data set, if it has one, if unset.",
    )
    model: str | None = option(
        None,
        "Pre-trained network to start from: a run folder; module:function, which takes the "
        "numbers of inputs and of classes; of texts and images, what turns them into features.",
    )
    weights: str | None = option(None, "File of safetensors with the weights of --model.")
    feature_cache: str = option(
        "runs/features", "Folder in which features of texts and images are kept for later runs."
    )

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ArgumentError: If a value cannot be used.
        """
        super().__post_init__()
        if not self.sensitive:
            object.__setattr__(self, "sensitive", default_sensitive(self.data))
        if len(set(self.sensitive)) != len(self.sensitive):
            raise ArgumentError("sensitive", self.sensitive, "different columns")
        require_integer("most_rows", self.most_rows, 10)
        if self.weights is not None and not (self.is_extracted or ":" in (self.model or "")):
            raise ArgumentError(
                "weights", self.weights, "a network to load them into", "Name it with --model."
            )
        if self.bins is not None:
            require_integer("bins", self.bins, 2, 100)
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ArgumentError("threshold", self.threshold, "a finite number")

    @property
    def is_file(self) -> bool:
        """Whether the data are a table of the user's own."""
        return not is_known(self.data)

    def load(self, on_rows: OnRows = lambda _done, _all: None) -> TableTask:
        """Read the data.

        Args:
            on_rows: Called while features of texts or images are computed.

        Returns:
            The task.
        """
        return load_task(
            DataRequest(
                self.data,
                self.sensitive,
                target=self.target,
                positive=self.positive,
                threshold=self.threshold,
                bins=self.bins,
                exclude=self.exclude,
                most_rows=self.most_rows,
                rows=self._rows,
                survey_weight_as_input=self._survey_weight_as_input,
                root=self.root,
                images=self.images,
                labels=self.labels,
                unusable_images=self.unusable_images,
                split_by=self.split_by,
                text=self.text,
                model=self.model if self.is_extracted else None,
                weights=self.weights if self.is_extracted else None,
                feature_cache=Path(self.feature_cache),
                on_rows=on_rows,
            )
        )

    @property
    def is_extracted(self) -> bool:
        """Whether the inputs are features of texts or images."""
        return self.text is not None or self.images is not None or is_extracted(self.data)

    @property
    def _rows(self) -> Literal["complete", "all"] | None:
        return None

    @property
    def _survey_weight_as_input(self) -> bool:
        return False
