"""Which table, and what its columns are: what every command that reads one is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fairfactor.data.images.table import UnusableImages
from fairfactor.data.request import DataRequest
from fairfactor.data.sources import default_sensitive, is_extracted, is_known, is_texts, load_task
from fairfactor.data.tables import MOST_ROWS
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError
from fairfactor.finetuning import require_integer
from fairfactor.progress import OnCount, untold
from fairfactor.settings import Settings, option
from fairfactor.text_settings import WEIGHTINGS, TextTuningConfig


@dataclass(frozen=True)
class TableSettings(Settings):
    """A data set by its name, or a file with the roles of its columns."""

    data: str = option(
        "adult",
        "adult, german, census-income, or the path of a table: CSV, TSV, Parquet, Arrow or "
        "Feather, gzipped or not; of images: drawn-faces, celeba, lfwa, utkface, fairface, folder; "
        "of texts: bug-leading, bug-occupations, redditbias, text-templates.",
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
    pooling: Literal["mean", "cls", "last"] = option(
        "mean",
        "How a text becomes one vector: mean over its tokens, cls (the first), or last (for "
        "decoders).",
    )
    maximum_tokens: int | None = option(
        None, "Tokens after which a text is cut; 128, or the limit of the model, if unset."
    )
    layers: tuple[str, ...] = option(
        (),
        "Layers of the encoder of texts that are factorised and tuned with its head before its "
        "features are taken: head, all-linear, names or patterns. None leaves it frozen.",
    )
    mode: Literal["replace", "adapter"] = option(
        "replace",
        "How --layers are tuned: replace (factors in place of the weights) or adapter (factors on "
        "top of them, which plain PEFT loads).",
    )
    encoder_share: float | None = option(
        None,
        "Share of the parameters of --layers that their factors may have; 0.5 for replace, 0.05 "
        "for adapter if unset.",
    )
    encoder_weighting: str = option(
        "neutralized", f"Weighting of the factorisation of --layers: {', '.join(WEIGHTINGS)}."
    )
    encoder_objective: Literal[
        "accuracy", "balanced", "demographic_parity", "equal_opportunity", "equalized_odds"
    ] = option(
        "accuracy",
        "What tuning --layers minimises: accuracy, balanced (groups weigh the same), or a gap to "
        "penalise.",
    )
    encoder_epochs: int = option(3, "Passes over the training rows when --layers are tuned.")
    encoder_rate: float = option(3e-4, "Learning rate when --layers are tuned.")
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
    parts: str | None = option(
        None,
        "Column with the part that each row was published in: train, validation or test. Those two "
        "are kept, and rows to train on are dealt to the parts that have none.",
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
        if self.maximum_tokens is not None:
            require_integer("maximum_tokens", self.maximum_tokens, 1)
        if self.weights is not None and not (self.is_extracted or ":" in (self.model or "")):
            raise ArgumentError(
                "weights", self.weights, "a network to load them into", "Name it with --model."
            )
        if self.bins is not None:
            require_integer("bins", self.bins, 2, 100)
        _ = self.encoder_tuning(0)  # which checks its own fields
        if self.layers and not (self.text or is_texts(self.data)):
            remedy = "Name the column of texts with --text."
            raise ArgumentError("layers", self.layers, "nothing where there are no texts", remedy)
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ArgumentError("threshold", self.threshold, "a finite number")

    @property
    def is_file(self) -> bool:
        """Whether the data are a table of the user's own."""
        return not is_known(self.data)

    def load(self, on_rows: OnCount = untold) -> TableTask:
        """Read the data.

        Args:
            on_rows: Called while features of texts or images are computed.

        Returns:
            The task.
        """
        return load_task(self.request(on_rows))

    def request(self, on_rows: OnCount = untold) -> DataRequest:
        """What is asked of the data set.

        Args:
            on_rows: Called while features of texts or images are computed.

        Returns:
            The request.
        """
        return DataRequest(
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
            parts=self.parts,
            text=self.text,
            pooling=self.pooling,
            maximum_tokens=self.maximum_tokens,
            model=self.model if self.is_extracted else None,
            weights=self.weights if self.is_extracted else None,
            feature_cache=Path(self.feature_cache),
            on_rows=on_rows,
        )

    def encoder_tuning(self, seed: int) -> TextTuningConfig:
        """How the encoder of texts is tuned.

        Args:
            seed: Seed of everything random in it.

        Returns:
            The configuration.
        """
        return TextTuningConfig(
            layers=self.layers or ("head",),
            mode=self.mode,
            weighting=self.encoder_weighting,
            share=self.encoder_share,
            objective=self.encoder_objective,
            epochs=self.encoder_epochs,
            learning_rate=self.encoder_rate,
            seed=seed,
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
