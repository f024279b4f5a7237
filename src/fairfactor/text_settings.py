"""How a whole text classifier is tuned: which of its layers, in which form, to which end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from fairfactor.errors import ArgumentError
from fairfactor.finetuning import require_integer
from fairfactor.settings import Settings, check_choice, option
from fairfactor.weighting import (
    ActivationWhitened,
    BiasAware,
    FisherWeighted,
    FullNeutralized,
    Kronecker,
    Neutralized,
    Plain,
    Weighting,
)

Mode = Literal["replace", "adapter"]
Objective = Literal[
    "accuracy", "balanced", "demographic_parity", "equal_opportunity", "equalized_odds"
]
WEIGHTINGS: Mapping[str, Callable[[], Weighting]] = MappingProxyType(
    {
        "plain": Plain,
        "pooled-fisher": FisherWeighted,
        "neutralized": Neutralized,
        "full-neutralized": FullNeutralized,
        "kronecker": Kronecker,
        "activation-whitened": ActivationWhitened,
        "bias-aware": BiasAware,
    }
)
"""Weightings of the factorisation by name."""
_SHARES = {"replace": 0.5, "adapter": 0.05}


@dataclass(frozen=True)
class TextTuningConfig(Settings):
    """How a text classifier is tuned. The same configuration, rows and threads give the same model.

    The head always trains whole unless its own factors have fewer parameters.
    """

    layers: tuple[str, ...] = option(
        ("all-linear",),
        "Layers to factorise: head, all-linear, names or patterns such as *.attention.*.",
    )
    mode: Mode = option(
        "replace",
        "replace: the factors take the place of the weight. adapter: they train on top of it, and "
        "plain PEFT loads the result.",
    )
    weighting: str = option(
        "neutralized", f"Weighting of the factorisation: {', '.join(WEIGHTINGS)}."
    )
    share: float | None = option(
        None,
        "Share of the parameters of the chosen layers that their factors may have: 0.5 for "
        "replace, 0.05 for adapter if unset.",
    )
    objective: Objective = option(
        "accuracy",
        "accuracy: cross-entropy. balanced: every group weighs the same. A gap's name: "
        "cross-entropy with a penalty on that gap.",
    )
    strength: float = option(4.0, "Weight of the penalty on a gap.")
    epochs: int = option(3, "Passes over the training rows.")
    learning_rate: float = option(3e-4, "Highest learning rate of AdamW.")
    batch_size: int = option(32, "Rows in each step of a process.")
    accumulation: int = option(1, "Batches whose gradients are added before a step.")
    precision: Literal["no", "bf16", "fp16"] = option(
        "no", "Mixed precision of the training: no, bf16 or fp16."
    )
    measured_rows: int = option(2000, "Training rows on which the layers are measured.")
    seed: int = option(0, "Seed of a new head, of the order of the rows and of dropout.")

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ArgumentError: If a value cannot be used.
        """
        super().__post_init__()
        if not self.layers:
            raise ArgumentError("layers", self.layers, "at least one layer", "Use all-linear.")
        check_choice("weighting", self.weighting, tuple(WEIGHTINGS))
        for name in ("epochs", "batch_size", "accumulation", "measured_rows"):
            require_integer(name, getattr(self, name), 1)
        require_integer("seed", self.seed, 0)
        if self.share is not None and not 0 < self.share <= 1:
            raise ArgumentError("share", self.share, "a number above 0, up to 1")
        for name in ("strength", "learning_rate"):
            if not (math.isfinite(value := getattr(self, name)) and value > 0):
                raise ArgumentError(name, value, "a positive finite number")

    @property
    def factor_share(self) -> float:
        """Share of the parameters, with the default of the mode."""
        return _SHARES[self.mode] if self.share is None else self.share
