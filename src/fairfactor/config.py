"""The configuration of a run: one dataclass, from which the command line's options are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fairfactor.errors import ArgumentError
from fairfactor.finetuning import FinetuneConfig, require_integer
from fairfactor.methods import METHODS
from fairfactor.models.mlp import MAXIMUM_WIDTH
from fairfactor.settings import Settings, check_choice, option


@dataclass(frozen=True)
class RunConfig(Settings):
    """What a run does. The same configuration gives the same numbers.

    The defaults are the paper's experiment on Adult: 60 % of the rows pre-train a 13-20-20-2
    network, 40 % are the new task, and every method tunes the last layer on cached features.
    """

    data: Literal["adult"] = option("adult", "Data set: adult.")
    rows: Literal["complete", "all"] = option(
        "complete", "Rows of Adult: complete (45,222) or all (48,842)."
    )
    encoding: Literal["paper", "label", "one_hot"] = option(
        "paper",
        "Encoding of Adult: paper (13 label-encoded columns, the survey weight among them), label "
        "(12, without it) or one_hot (101).",
    )
    sensitive: tuple[str, ...] = option(
        ("sex",), "Sensitive features; several make intersections. Never inputs of the model."
    )
    minimum_group_size: int = option(0, "Merge groups with fewer rows than this into one.")
    hidden: tuple[int, ...] = option((20, 20), "Widths of the hidden layers.")
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
        for name in ("sensitive", "method", "rank"):
            chosen = getattr(self, name)
            if not chosen or len(set(chosen)) != len(chosen):
                raise ArgumentError(name, chosen, "one or more different values")
        for name in ("seeds", "pretraining_epochs"):
            require_integer(name, getattr(self, name), 1)
        for name in ("first_seed", "minimum_group_size"):
            require_integer(name, getattr(self, name), 0)
        for width in self.hidden:
            require_integer("hidden", width, 1, MAXIMUM_WIDTH)
        limit = min((*self.hidden[-1:], 2))
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
    def table_encoding(self) -> Literal["label", "one_hot"]:
        """How categories become inputs."""
        return "one_hot" if self.encoding == "one_hot" else "label"

    @property
    def survey_weight_as_input(self) -> bool:
        """Whether ``fnlwgt`` is an input; the paper's 742 parameters need it."""
        return self.encoding == "paper"

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
