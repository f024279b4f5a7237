"""The configuration of a comparison with peers."""

from __future__ import annotations

from dataclasses import dataclass

from fairfactor.errors import ArgumentError
from fairfactor.finetuning import require_integer
from fairfactor.mitigation import DEFAULT, RECIPES
from fairfactor.peers import PEERS
from fairfactor.settings import check_choices, option
from fairfactor.tune_config import DataSettings


@dataclass(frozen=True)
class CompareConfig(DataSettings):
    """What `fairfactor compare` does. The same configuration gives the same numbers."""

    peers: tuple[str, ...] = option(tuple(PEERS), "Peers by their keys.")
    settings: int = option(3, "How many settings of each peer with a strength are tried.")
    recipes: tuple[str, ...] = option(DEFAULT, f"Our recipes: {', '.join(RECIPES)}.")
    seeds: int = option(5, "Number of runs, each with its own split and backbone.")
    first_seed: int = option(0, "Seed of the first run.")

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ArgumentError: If a value cannot be used.
        """
        super().__post_init__()
        if self.model is not None and not self.is_extracted:
            raise ArgumentError(
                "model",
                self.model,
                "nothing, as peers are fitted on a network that is pre-trained on the table",
                "Leave it out.",
            )
        check_choices("peers", self.peers, tuple(PEERS))
        check_choices("recipes", self.recipes, tuple(RECIPES))
        for name in ("settings", "seeds"):
            require_integer(name, getattr(self, name), 1)
        require_integer("first_seed", self.first_seed, 0)

    @property
    def all_seeds(self) -> range:
        """The seeds of the runs."""
        return range(self.first_seed, self.first_seed + self.seeds)
