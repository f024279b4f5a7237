"""The configuration of a run: one dataclass, from which the command line's options are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fairfactor.data.task import MAXIMUM_CLASSES
from fairfactor.errors import ArgumentError
from fairfactor.finetuning import FinetuneConfig, require_integer
from fairfactor.methods import METHODS
from fairfactor.models.mlp import MAXIMUM_WIDTH
from fairfactor.settings import check_choice, option
from fairfactor.table_settings import TableSettings


@dataclass(frozen=True)
class RunConfig(TableSettings):
    """What a run does. The same configuration gives the same numbers.

    The defaults are the paper's experiment, on Adult: 60 % of the rows pre-train a 13-20-20-2
    network, 40 % are the new task, and every method tunes the last layer on cached features.
    """

    rows: Literal["complete", "all"] | None = option(
        None,
        "Rows: complete (the default for Adult, 45,222) or all (48,842; the default for a file).",
    )
    encoding: Literal["paper", "label", "one_hot"] = option(
        "paper",
        "Encoding: paper (Adult as in the paper, 13 label-encoded columns with the survey weight; "
        "one_hot for other data), label (12 for Adult) or one_hot (101).",
    )
    minimum_group_size: int = option(0, "Merge groups with fewer rows than this into one.")
    hidden: tuple[int, ...] | None = option(
        None,
        "Widths of the hidden layers; 20,20 if unset, and none on features of texts and images.",
    )
    method: tuple[str, ...] = option(tuple(METHODS), f"Methods: {', '.join(METHODS)}.")
    rank: tuple[int, ...] = option((1, 2), "Ranks r of the factorised layer.")
    alpha: float | None = option(
        None,
        "Weight of the first of two groups in Î_N, from 0 to 1; every group the same if unset.",
    )
    seeds: int = option(10, "Number of runs, each with its own split and initial weights.")
    first_seed: int = option(0, "Seed of the first run.")
    pretraining_epochs: int = option(15, "Passes over the pre-training rows.")
    pretraining_rate: float = option(0.006, "Learning rate of the pre-training.")
    epochs: int = option(8, "Passes over the training rows of the new task.")
    learning_rates: tuple[float, ...] = option(
        (0.01, 0.001, 0.0001), "Learning rates to try for every method; validation loss chooses."
    )
    batch_size: int = option(512, "Rows in each step.")

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ArgumentError: If a value cannot be used.
        """
        super().__post_init__()
        for name in self.method:
            check_choice("method", name, tuple(METHODS))
        for name in ("method", "rank"):
            chosen = getattr(self, name)
            if not chosen or len(set(chosen)) != len(chosen):
                raise ArgumentError(name, chosen, "one or more different values")
        for name in ("seeds", "pretraining_epochs"):
            require_integer(name, getattr(self, name), 1)
        for name in ("first_seed", "minimum_group_size"):
            require_integer(name, getattr(self, name), 0)
        for width in self.widths:
            require_integer("hidden", width, 1, MAXIMUM_WIDTH)
        # The number of classes is known only when the data are read.
        binary = not (self.is_file or self.is_extracted)
        limit = min((*self.widths[-1:], 2 if binary else MAXIMUM_CLASSES))
        for rank in self.rank:
            if not 1 <= rank <= limit:
                raise ArgumentError(
                    "rank",
                    rank,
                    f"an integer from 1 to {limit}, the smaller side of the last layer",
                    f"Use --rank {limit} or less.",
                )
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ArgumentError("alpha", self.alpha, "a number from 0 to 1", "The paper uses 0.5.")
        if not (math.isfinite(self.pretraining_rate) and self.pretraining_rate > 0):
            raise ArgumentError(
                "pretraining_rate", self.pretraining_rate, "a positive finite number"
            )
        _ = self.finetuning  # which checks its own fields

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the hidden layers of the network."""
        if self.hidden is not None:
            return self.hidden
        return () if self.is_extracted else (20, 20)

    @property
    def table_encoding(self) -> Literal["label", "one_hot"]:
        """How categories become inputs."""
        is_label = self.encoding == "label" or self._survey_weight_as_input
        return "label" if is_label else "one_hot"

    @property
    def _rows(self) -> Literal["complete", "all"] | None:
        return self.rows

    @property
    def _survey_weight_as_input(self) -> bool:
        """Whether ``fnlwgt`` is an input; the paper's 742 parameters need it."""
        return self.encoding == "paper" and self.data == "adult"

    @property
    def finetuning(self) -> FinetuneConfig:
        """How every method is fine-tuned."""
        return FinetuneConfig(self.learning_rates, self.epochs, self.batch_size)

    @property
    def pretraining(self) -> FinetuneConfig:
        """How the network is pre-trained."""
        return FinetuneConfig((self.pretraining_rate,), self.pretraining_epochs, self.batch_size)

    @property
    def all_seeds(self) -> range:
        """The seeds of the runs."""
        return range(self.first_seed, self.first_seed + self.seeds)
