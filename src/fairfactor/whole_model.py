"""Boxes 1 to 4 for any selection of layers of any model, in one call."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from torch import Tensor, nn

from fairfactor.distributed import sharded_modules
from fairfactor.errors import ArgumentError, FairfactorWarning
from fairfactor.factorization import Factors
from fairfactor.factorization.closed_form import Split
from fairfactor.importance import GroupFisher, select_layers
from fairfactor.layer_problems import LayerProblems, MeasuringOptions, measure_problems
from fairfactor.rank import FixedRank, RankFraction, RankPolicy
from fairfactor.surgery import LowRankLayer, ReplacementReport, replace_layer, restore_layer
from fairfactor.weighting import Weighting


@dataclass(frozen=True)
class ValidatedFraction:
    """The smallest of some fractions of the full rank with which a model still scores well.

    Attributes:
        score: From the model to a number that should not fall, such as the accuracy on validation
            rows. It is called once before, and once for every fraction tried.
        tolerance: By how much the score may fall.
        fractions: The candidates, each in (0, 1].
        multiple_of: As in `RankFraction`.
    """

    score: Callable[[nn.Module], float]
    tolerance: float
    fractions: tuple[float, ...] = (0.0625, 0.125, 0.25, 0.5)
    multiple_of: int = 1

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ArgumentError: If the tolerance is negative, or there is no fraction.
        """
        if not self.tolerance >= 0:
            raise ArgumentError("tolerance", self.tolerance, "a number that is not negative")
        if not self.fractions:
            raise ArgumentError("fractions", self.fractions, "at least one fraction")


@dataclass(frozen=True, eq=False)
class LayerResult:
    """What became of one chosen layer.

    Attributes:
        replacement: Rank, parameters and change of the weight; None if the layer stays whole.
        singular_values: The spectrum of the weight seen through its metrics, as
            ``Factors.singular_values``, of a large weight perhaps the leading ones only; None if
            the layer stays whole.
        kept_energy: Share of the squared spectrum within the rank, as ``Factors.kept_energy``.
        error_bound: As ``Factors.error_bound``: 0 unless the layer is large.
        fisher: Group Fisher of the layer, its row importance only; None if it was not measured.
        reason: Why the layer stays whole; empty if it was replaced.
    """

    replacement: ReplacementReport | None = None
    singular_values: Tensor | None = None
    kept_energy: float | None = None
    error_bound: float | None = None
    fisher: GroupFisher | None = None
    reason: str = ""


def factorize_model(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    weighting: Weighting,
    rank: int | RankPolicy | ValidatedFraction,
    layers: str | Sequence[str] = "all-linear",
    only_if_smaller: bool = True,
    correct_bias: bool = False,
    split: Split = "input",
    **options: Unpack[MeasuringOptions],
) -> dict[str, LayerResult]:
    """Replace chosen layers by the best low-rank factors in the metrics of a weighting.

    Every chosen layer is measured in the same pass over the data, on the original model. Layers
    that surgery cannot replace, such as those tied to an embedding, stay whole, and so do layers
    without any gradient. Unless all is done, the model is left as it was. Train the factors with
    any loop afterwards, keep them with `fairfactor.surgery.save_model`.

    Args:
        model: Model in evaluation mode, changed in place.
        batches: Iterable of ``(inputs, targets, groups)`` as for `group_fisher`. It is read once,
            or twice if the weighting, with ``correct_bias``, needs both gradients and inputs; not
            at all by `Plain`.
        weighting: `Neutralized`, the paper's, or another of `fairfactor.weighting`.
        rank: The same rank for every layer, a policy of `fairfactor.rank`, or `ValidatedFraction`.
        layers: Which layers, see `fairfactor.importance.select_layers`.
        only_if_smaller: Leave a layer whole if its factors would have no fewer parameters.
        correct_bias: Add ``(W - T) μ`` to the bias, with μ the mean input, so that the mean output
            of the layer stays what it was.
        split: See `fairfactor.factorization.factorize`.
        **options: ``loss``, ``labels``, ``group_names``, ``forward``, ``seed``, ``processes`` of
            `group_fisher`.

    Returns:
        What became of each chosen layer, by its name.

    Raises:
        ArgumentError: If the model is sharded between processes.
    """
    if sharded_modules(model):
        raise ArgumentError(
            "model",
            type(model).__name__,
            "a model that is whole, since fully_shard fixes the weights of the layers",
            "Call factorize_layers, replace the layers of a new model, and shard that one.",
        )
    names = list(select_layers(model, layers))
    problems, reasons = measure_problems(
        model,
        batches,
        layers=layers,
        weighting=weighting,
        correct_bias=correct_bias,
        split=split,
        **options,
    )
    if isinstance(rank, ValidatedFraction):
        factors = _validated(model, problems, rank, only_if_smaller=only_if_smaller)
        other_reason = (
            f"no fraction of {rank.fractions} both keeps the score and has fewer parameters"
        )
    else:
        factors = problems.solve(_policy(rank), only_if_smaller=only_if_smaller)
        other_reason = "its factors would have no fewer parameters"
    originals = _replace(model, factors)
    return {
        name: LayerResult(
            replacement=_report(originals[name], model.get_submodule(name)),
            singular_values=factors[name].singular_values,
            kept_energy=factors[name].kept_energy,
            error_bound=factors[name].error_bound,
            fisher=problems.fisher(name),
        )
        if name in factors
        else LayerResult(reason=reasons.get(name, other_reason))
        for name in names
    }


def factorize_layers(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    weighting: Weighting,
    rank: int | RankPolicy,
    layers: str | Sequence[str] = "all-linear",
    split: Split = "input",
    **options: Unpack[MeasuringOptions],
) -> dict[str, Factors]:
    """Compute the factors of chosen layers and leave the model as it is.

    This is for `fairfactor.surgery.attach_adapter`, which trains the factors on top of the whole
    weights. The arguments are those of `factorize_model`. Processes that share the work factorise
    different layers at the same time. Of a model sharded by ``fully_shard`` the weights are
    gathered one layer after another.

    Returns:
        Factors by name of the layer.

    Warns:
        FairfactorWarning: If chosen layers are left out, because they cannot be replaced.
    """
    problems, reasons = measure_problems(
        model,
        batches,
        layers=layers,
        weighting=weighting,
        correct_bias=False,
        split=split,
        **options,
    )
    for name, reason in reasons.items():
        warnings.warn(f"Layer {name!r} is left out: {reason}", FairfactorWarning, stacklevel=2)
    return problems.solve(_policy(rank))


def _policy(rank: int | RankPolicy) -> RankPolicy:
    """Return the policy that a rank stands for.

    Raises:
        ArgumentError: If it is neither a number nor a policy.
    """
    if isinstance(rank, int):
        return FixedRank(rank)
    if isinstance(rank, type) or not callable(getattr(rank, "ranks", None)):
        accepted = (
            "an integer, a policy of fairfactor.rank, or ValidatedFraction in factorize_model"
        )
        raise ArgumentError("rank", rank, accepted, "Of a fraction, call RankFraction(0.25).")
    return rank


def _validated(
    model: nn.Module, problems: LayerProblems, search: ValidatedFraction, *, only_if_smaller: bool
) -> dict[str, Factors]:
    """Try one fraction after another, and put the layers back each time.

    Returns:
        Factors of the smallest fraction that keeps the score; none if none does.

    Raises:
        ArgumentError: If the score of the model as it is is not finite.
    """
    score = search.score(model)
    if not math.isfinite(score):
        raise ArgumentError("score", score, "a function from the model to a finite number")
    for fraction in sorted(search.fractions):
        policy = RankFraction(fraction, search.multiple_of)
        factors = problems.solve(policy, only_if_smaller=only_if_smaller, reuse=True)
        originals = _replace(model, factors)
        try:
            if search.score(model) >= score - search.tolerance:
                return factors
        finally:
            _restore(model, originals)
    return {}


def _replace(model: nn.Module, factors: Mapping[str, Factors]) -> dict[str, nn.Module]:
    """Replace all layers or none, and return the original ones."""
    originals: dict[str, nn.Module] = {}
    try:
        for name, pair in factors.items():
            original = model.get_submodule(name)
            replace_layer(model, name, pair)
            originals[name] = original
    except BaseException:
        _restore(model, originals)
        raise
    return originals


def _restore(model: nn.Module, originals: Mapping[str, nn.Module]) -> None:
    for name, original in originals.items():
        restore_layer(model, name, original)


def _report(original: nn.Module, replacement: nn.Module) -> ReplacementReport:
    assert isinstance(replacement, LowRankLayer)
    return ReplacementReport.of(original, replacement)
