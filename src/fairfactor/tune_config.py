"""The configuration of a tuning: what is needed, on which data."""

from __future__ import annotations

from dataclasses import dataclass

from fairfactor.errors import ArgumentError
from fairfactor.finetuning import require_integer
from fairfactor.mitigation import DEFAULT, RECIPES, Constraint
from fairfactor.models.mlp import MAXIMUM_WIDTH
from fairfactor.protocol import HIDDEN, Backbone
from fairfactor.settings import check_choices, option
from fairfactor.table_settings import TableSettings


@dataclass(frozen=True)
class DataSettings(TableSettings):
    """Which table, what its columns are, and which network."""

    minimum_group_size: int = option(30, "Merge groups with fewer rows than this into one.")
    hidden: tuple[int, ...] | None = option(
        None,
        "Widths of the hidden layers of the network; 512,256,64 if unset, and none on features of "
        "texts and images.",
    )
    backbone: Backbone = option(
        "network", "network, or boosted-trees: the network reads scores of boosted trees too."
    )

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ArgumentError: If a value cannot be used.
        """
        super().__post_init__()
        require_integer("minimum_group_size", self.minimum_group_size, 0)
        if not self.widths and not self.is_extracted:
            raise ArgumentError("hidden", self.hidden, "the width of at least one hidden layer")
        for width in self.widths:
            require_integer("hidden", width, 1, MAXIMUM_WIDTH)

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the hidden layers of the network."""
        if self.hidden is not None:
            return self.hidden
        return () if self.is_extracted else HIDDEN


@dataclass(frozen=True)
class TuneConfig(DataSettings):
    """What `fairfactor tune` does. The same configuration gives the same model."""

    constraint: tuple[str, ...] = option(
        (), "What must hold, as equalized_odds<=0.05; none explores the frontier."
    )
    confidence: float = option(
        0.9, "Share of bootstrap samples of the validation rows that must keep each bound."
    )
    recipes: tuple[str, ...] = option(DEFAULT, f"Ways to mitigate: {', '.join(RECIPES)}.")
    groups_at_prediction: bool = option(
        False, "Let the model ask for the sensitive features of every row that it predicts."
    )
    seed: int = option(0, "Seed of the split, the initial weights and everything random.")

    def __post_init__(self) -> None:
        """Check every value."""
        super().__post_init__()
        for text in self.constraint:
            Constraint.parse(text)
        check_choices("recipes", self.recipes, tuple(RECIPES))
        require_confidence(self.confidence)
        require_integer("seed", self.seed, 0)


def require_confidence(confidence: float) -> None:
    """Check a share of bootstrap samples.

    Args:
        confidence: The share.

    Raises:
        ArgumentError: If it is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ArgumentError("confidence", confidence, "a number between 0 and 1, as 0.9")
