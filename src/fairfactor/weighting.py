"""Between boxes 1 and 3: the metrics of a factorisation, from what was measured at a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeVar, get_args

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError, DataError
from fairfactor.factorization import Factors, factorize
from fairfactor.factorization.closed_form import Split
from fairfactor.factorization.named import neutralized_input_matrix
from fairfactor.importance import GroupFisher, InputMoments
from fairfactor.importance.group_sums import Statistic
from fairfactor.importance.moments import Cells
from fairfactor.neutralization import NeutralizationRule, neutralize, pooled_importance

FairnessNotion = Literal["demographic_parity", "equal_opportunity", "equalized_odds"]
T = TypeVar("T")


@dataclass(frozen=True)
class Needs:
    """What has to be measured at a layer.

    Attributes:
        statistics: Statistics of `group_fisher`; no Fisher information is measured if empty.
        cells: Cells of `input_moments`; no moments are measured if None.
    """

    statistics: tuple[Statistic, ...] = ()
    cells: Cells | None = None


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured at a layer.

    Attributes:
        fisher: Its group Fisher, or None.
        moments: The moments of its inputs, or None.
    """

    fisher: GroupFisher | None = None
    moments: InputMoments | None = None


@dataclass(frozen=True, eq=False)
class Metrics:
    """The part of the problem of `fairfactor.factorization.factorize` that says what matters.

    Attributes:
        input_metric: M, shape (in, in), or (in,) for a diagonal; None is the identity.
        output_metric: N, shape (out, out), or (out,) for a diagonal; None is the identity.
        directions: Δ, shape (in, c), or None.
        strength: λ, in the units of M.
    """

    input_metric: Tensor | None = None
    output_metric: Tensor | None = None
    directions: Tensor | None = None
    strength: float = 0.0

    def factorize(self, weight: Tensor, rank: int, *, split: Split = "input") -> Factors:
        """Return the best factors of a weight in these metrics."""
        return factorize(
            weight,
            rank,
            input_metric=self.input_metric,
            output_metric=self.output_metric,
            directions=self.directions,
            strength=self.strength,
            split=split,
        )


class Weighting(Protocol):
    """A row of the table of weightings in the documentation: how metrics follow from data."""

    @property
    def needs(self) -> Needs:
        """What has to be measured."""
        ...

    @property
    def in_units_of_loss(self) -> bool:
        """Whether the singular values of different layers can be compared as they are."""
        ...

    def metrics(self, measured: Measurement) -> Metrics:
        """Return the metrics of a layer."""
        ...


@dataclass(frozen=True)
class Plain:
    """M = I, N = I: truncated SVD, the paper's baseline "f+SVD"."""

    needs: ClassVar[Needs] = Needs()
    in_units_of_loss: ClassVar[bool] = False

    def metrics(self, measured: Measurement) -> Metrics:  # noqa: ARG002 - nothing is measured
        """Return the identity."""
        return Metrics()


@dataclass(frozen=True)
class FisherWeighted:
    """M = diag(ρ), the importance of all samples, blind to groups: FWSVD (Hsu et al. 2022)."""

    needs: ClassVar[Needs] = Needs(statistics=("row_importance",))
    in_units_of_loss: ClassVar[bool] = True

    def metrics(self, measured: Measurement) -> Metrics:
        """Return the pooled row importance."""
        fisher = _require(measured.fisher, "a group Fisher")
        return Metrics(pooled_importance(fisher.row_importance, fisher.counts).square())


@dataclass(frozen=True)
class Neutralized:
    """M = diag(Î_N²), the paper's weighting (Eq. 2 and 4 of arXiv:2403.00625).

    The other fields are the arguments of `fairfactor.neutralization.neutralize`.

    Attributes:
        minimum_samples: Groups with fewer samples are left out of the neutraliser, which would
            give their noise the weight of a large group; they are measured and reported all the
            same. The weights of the others are scaled to sum one.
    """

    alpha: float | None = None
    weights: tuple[float, ...] | None = None
    rule: NeutralizationRule = "mean_of_roots"
    unit_mean: bool = False
    minimum_samples: int = 0
    needs: ClassVar[Needs] = Needs(statistics=("row_importance",))

    @property
    def in_units_of_loss(self) -> bool:
        """Whether the groups keep their scale."""
        return not self.unit_mean

    def metrics(self, measured: Measurement) -> Metrics:
        """Return the square of the neutralised importance."""
        fisher = _require(measured.fisher, "a group Fisher")
        groups, weights = _large_groups(fisher, self.minimum_samples, self.weights)
        importance = neutralize(
            fisher.row_importance[groups],
            alpha=self.alpha,
            weights=weights,
            rule=self.rule,
            unit_mean=self.unit_mean,
        )
        return Metrics(importance.square())


@dataclass(frozen=True)
class FullNeutralized:
    """M = Σ_s α_s R_s, of which the paper's weighting keeps only the diagonal.

    Attributes:
        weights: α_s of all groups, not negative; 1 / G each if None.
        minimum_samples: As in `Neutralized`.
    """

    weights: tuple[float, ...] | None = None
    minimum_samples: int = 0
    needs: ClassVar[Needs] = Needs(statistics=("input_matrix",))
    in_units_of_loss: ClassVar[bool] = True

    def metrics(self, measured: Measurement) -> Metrics:
        """Return the weighted sum of the groups' input matrices."""
        fisher = _require(measured.fisher, "a group Fisher")
        matrices = _require(fisher.input_matrix, "R_s")
        groups, weights = _large_groups(fisher, self.minimum_samples, self.weights)
        shares = None if weights is None else torch.tensor(weights)
        return Metrics(neutralized_input_matrix(matrices[groups], shares))


@dataclass(frozen=True)
class Kronecker:
    """M = F_in, N = F_out of all samples, blind to groups: GFWSVD (Chekalina et al. 2025)."""

    needs: ClassVar[Needs] = Needs(statistics=("kronecker",))
    in_units_of_loss: ClassVar[bool] = True

    def metrics(self, measured: Measurement) -> Metrics:
        """Return the means of the groups' factors, by the sizes of the groups."""
        fisher = _require(measured.fisher, "a group Fisher")
        shares = (fisher.counts / fisher.counts.sum()).to(torch.float64)
        input_factor, output_factor = (
            torch.einsum("s,sij->ij", shares, _require(factor, "Kronecker factors"))
            for factor in (fisher.input_factor, fisher.output_factor)
        )
        return Metrics(input_factor, output_factor)


@dataclass(frozen=True)
class ActivationWhitened:
    """M = E[x xᵀ]: DRONE (Chen 2021) and SVD-LLM (Wang 2025).

    Attributes:
        centered: Take the covariance of x in its place.
    """

    centered: bool = False
    needs: ClassVar[Needs] = Needs(cells="group")
    in_units_of_loss: ClassVar[bool] = False

    def metrics(self, measured: Measurement) -> Metrics:
        """Return the second moment of the inputs."""
        moments = _require(measured.moments, "input moments")
        return Metrics(moments.covariance if self.centered else moments.second_moment)


@dataclass(frozen=True)
class BiasAware:
    """Any weighting, with λ ‖N^½ T Δ‖² added: outputs respond less to what tells groups apart.

    Attributes:
        base: The weighting.
        notion: Whose differences of mean inputs Δ are: of groups ("demographic_parity"), of groups
            within class 1 ("equal_opportunity") or within each class ("equalized_odds").
        strength: λ in units of the mean diagonal of M, so that it means the same in every layer;
            ``math.inf`` erases Δ.
    """

    base: Weighting = Neutralized()
    notion: FairnessNotion = "equalized_odds"
    strength: float = 1.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ArgumentError: If there is no such notion, the strength is not positive, or the base is
                bias-aware itself.
        """
        if isinstance(self.base, BiasAware):
            raise ArgumentError("base", self.base, "a weighting without directions of its own")
        if self.notion not in get_args(FairnessNotion):
            raise ArgumentError(
                "notion", self.notion, f"one of {', '.join(get_args(FairnessNotion))}"
            )
        if not self.strength > 0:
            raise ArgumentError("strength", self.strength, "a positive number or math.inf")

    @property
    def needs(self) -> Needs:
        """What the base needs, and the moments that show Δ."""
        by_class = self.notion != "demographic_parity" or self.base.needs.cells == "group_and_class"
        return Needs(self.base.needs.statistics, "group_and_class" if by_class else "group")

    @property
    def in_units_of_loss(self) -> bool:
        """Whether the base is."""
        return self.base.in_units_of_loss

    def metrics(self, measured: Measurement) -> Metrics:
        """Return the metrics of the base with directions and strength."""
        moments = _require(measured.moments, "input moments")
        match self.notion:
            case "demographic_parity":
                directions = moments.demographic_parity_directions()
            case "equal_opportunity":
                directions = moments.equal_opportunity_directions()
            case "equalized_odds":
                directions = moments.equalized_odds_directions()
        base = self.base.metrics(measured)
        strength = self.strength * _mean_diagonal(base.input_metric)
        return Metrics(base.input_metric, base.output_metric, directions, strength)


def _require(value: T | None, what: str) -> T:
    """Return what a weighting needs, or refuse its absence."""
    if value is None:
        raise ArgumentError("measured", None, f"{what} of the layer", "Measure what `needs` names.")
    return value


def _large_groups(
    fisher: GroupFisher, minimum: int, weights: tuple[float, ...] | None
) -> tuple[list[int], tuple[float, ...] | None]:
    """Find the groups that the neutraliser counts, and their weights.

    Returns:
        Their codes, and weights with the sum of those of all groups; None for equal ones.

    Raises:
        DataError: If there are none, or all the weight is on others.
    """
    codes = range(len(fisher.groups))
    large = [code for code in codes if int(fisher.counts[code]) >= minimum]
    if not large:
        raise DataError(
            f"No group has minimum_samples={minimum} samples, the largest has "
            f"{int(fisher.counts.max())}: lower minimum_samples or merge groups with encode_groups."
        )
    if weights is None or len(large) == len(codes) or len(weights) != len(codes):
        return large, weights
    kept = [weights[code] for code in large]
    if not sum(kept) > 0:
        raise DataError(
            f"All weight is on groups of fewer than minimum_samples={minimum} samples: "
            "give weights to larger groups."
        )
    return large, tuple(weight * sum(weights) / sum(kept) for weight in kept)


def _mean_diagonal(metric: Tensor | None) -> float:
    if metric is None:
        return 1.0
    return float((metric if metric.ndim == 1 else metric.diagonal()).mean())
