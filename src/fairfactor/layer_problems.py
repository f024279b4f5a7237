"""Boxes 1 to 3 for several layers: a factorisation problem for each, measured in the same pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from torch import Tensor, nn

from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import ArgumentError
from fairfactor.factorization import Factors
from fairfactor.factorization.closed_form import Split
from fairfactor.factorization.truncation import leading_ranks
from fairfactor.importance import (
    GroupFisher,
    InputMoments,
    group_fisher,
    input_moments,
    select_layers,
)
from fairfactor.importance.batches import Forward
from fairfactor.importance.losses import Labels, LossName, PerSampleLoss
from fairfactor.layer_problem import LayerProblem, factorize_one_each
from fairfactor.rank import LayerSpectrum, RankPolicy, allocate_ranks
from fairfactor.surgery import LowRankLayer, weight_matrix
from fairfactor.surgery.layer_shape import LayerShape
from fairfactor.surgery.replace import find_layer, require_replaceable
from fairfactor.weighting import Measurement, Needs, Weighting


class MeasuringOptions(TypedDict, total=False):
    """Arguments of `fairfactor.importance.group_fisher` that are passed on to it."""

    loss: LossName | PerSampleLoss
    labels: Labels
    group_names: Sequence[str] | None
    forward: Forward | None
    seed: int
    processes: Processes


class LayerProblems:
    """The problems of several layers, to be solved at the ranks of one policy after another.

    Args:
        problems: The problems.
        in_units_of_loss: Whether the singular values of different layers can be compared.
        processes: Those that share the work, all with the same problems.
    """

    def __init__(
        self,
        problems: Iterable[LayerProblem],
        *,
        in_units_of_loss: bool,
        processes: Processes = ALONE,
    ) -> None:
        self._problems = {problem.name: problem for problem in problems}
        self._in_units_of_loss = in_units_of_loss
        self._solved: dict[str, Factors] = {}
        self._processes = processes

    def fisher(self, name: str) -> GroupFisher | None:
        """Return the row importance by which a layer was weighted, if it was measured."""
        return self._problems[name].fisher

    def solve(
        self, policy: RankPolicy, *, only_if_smaller: bool = False, reuse: bool = False
    ) -> dict[str, Factors]:
        """Solve the problems at the ranks of a policy.

        The components by which a policy compares layers are those of which the factors are made.
        Of a large weight they are the leading ones, found at random with an error bound, and more
        or all of them only if a policy asks for more.

        Args:
            policy: The rank policy.
            only_if_smaller: Leave out layers whose factors would have no fewer parameters.
            reuse: Keep components for the policies that are still to come.

        Returns:
            Factors by name of the layer.
        """
        if policy.needs_spectra:
            self._find_components(dict.fromkeys(self._problems, 1))
        layers = {
            name: self._spectrum(problem, known=policy.needs_spectra)
            for name, problem in self._problems.items()
        }
        ranks = allocate_ranks(layers, policy, only_if_smaller=only_if_smaller)
        keep = policy.needs_spectra or reuse
        kept = {name: rank for name, rank in ranks.items() if keep or name in self._solved}
        self._find_components(kept)
        solutions = self._factorize({n: rank for n, rank in ranks.items() if n not in kept})
        solutions |= {name: self._solved[name].truncated(rank) for name, rank in kept.items()}
        return {name: self._problems[name].corrected(solutions[name]) for name in ranks}

    def _find_components(self, ranks: Mapping[str, int]) -> None:
        """Find as many components of layers as asked for or more, unless they are known."""
        wanted = {}
        for name, rank in ranks.items():
            known = self._solved.get(name)
            if known is None or known.rank < rank:
                steps = leading_ranks(min(self._problems[name].weight.shape))
                wanted[name] = next(step for step in steps if step >= rank)
        self._solved |= self._factorize(wanted)

    def _factorize(self, ranks: Mapping[str, int]) -> dict[str, Factors]:
        """Solve the problems of layers, one after another in each of the processes."""
        names, number = list(ranks), self._processes.number
        found: dict[str, Factors] = {}
        for start in range(0, len(names), number):
            layers = [(self._problems[n], ranks[n]) for n in names[start : start + number]]
            found |= factorize_one_each(layers, self._processes)
        return found

    def _spectrum(self, problem: LayerProblem, *, known: bool) -> LayerSpectrum:
        rows, columns = problem.weight.shape
        if not known:
            return LayerSpectrum(rows, columns)
        leading = self._solved[problem.name]
        assert leading.norm is not None
        scale = 1.0 if self._in_units_of_loss or leading.norm == 0 else 1 / leading.norm
        side = min(rows, columns)

        def extend(least: int) -> Tensor:
            self._find_components({problem.name: least})
            return self._solved[problem.name].singular_values * scale

        values, norm = leading.singular_values * scale, leading.norm * scale
        if len(values) == side:
            return LayerSpectrum(rows, columns, values)
        return LayerSpectrum(rows, columns, values, norm, extend)


def measure_problems(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    layers: str | Sequence[str],
    weighting: Weighting,
    correct_bias: bool,
    split: Split,
    **options: Unpack[MeasuringOptions],
) -> tuple[LayerProblems, dict[str, str]]:
    """Pose the problem of each chosen layer; the arguments are those of `factorize_model`.

    Returns:
        The problems, and by name of a layer that has none the reason why.

    Raises:
        ArgumentError: If the weighting is none.
    """
    if isinstance(weighting, type) or not hasattr(weighting, "needs"):
        accepted = "an instance of one of fairfactor.weighting, such as Neutralized()"
        raise ArgumentError("weighting", weighting, accepted)
    chosen, reasons = _replaceable_layers(model, layers)
    needs = weighting.needs
    if correct_bias and needs.cells is None:
        needs = Needs(needs.statistics, "group")
    problems = []
    for name, measured in _measure(model, batches, list(chosen), needs, options).items():
        fisher = measured.fisher
        if fisher is not None and not bool(fisher.row_importance.any()):
            reasons[name] = "all gradients of its weight are zero"
            continue
        problems.append(
            LayerProblem(
                name=name,
                weight=weight_matrix(chosen[name]),
                metrics=weighting.metrics(measured),
                fisher=fisher and GroupFisher(fisher.groups, fisher.counts, fisher.row_importance),
                mean_input=measured.moments.mean if correct_bias and measured.moments else None,
                split=split,
            )
        )
    found = LayerProblems(
        problems,
        in_units_of_loss=weighting.in_units_of_loss,
        processes=options.get("processes", ALONE),
    )
    return found, reasons


def _replaceable_layers(
    model: nn.Module, layers: str | Sequence[str]
) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """Return the chosen layers that surgery can replace, and for the others why it cannot.

    Raises:
        ArgumentError: If it can replace none.
    """
    chosen: dict[str, nn.Module] = {}
    reasons: dict[str, str] = {}
    owners = _owners_of_factors(model)
    first_names: dict[nn.Module, str] = {}
    for name, layer in select_layers(model, layers).items():
        first_name = first_names.setdefault(layer, name)
        if layer in owners:
            reasons[name] = f"it is a factor of the low-rank layer {owners[layer]!r}"
        elif first_name != name:
            reasons[name] = f"it is the layer {first_name!r} under another name"
        else:
            try:
                LayerShape.of(find_layer(model, name), name)
                require_replaceable(model, name, layer)
                chosen[name] = layer
            except ArgumentError as error:
                reasons[name] = str(error)
    if not chosen:
        name, reason = next(iter(reasons.items()))
        accepted = f"at least one layer that can be replaced; {name!r} cannot: {reason}"
        raise ArgumentError("layers", layers, accepted)
    return chosen, reasons


def _owners_of_factors(model: nn.Module) -> Mapping[nn.Module, str]:
    """Return the name of the low-rank layer by each factor in it."""
    return {
        factor: name
        for name, module in model.named_modules()
        if isinstance(module, LowRankLayer)
        for factor in module.children()
    }


def _measure(
    model: nn.Module,
    batches: Iterable[Any],
    layers: Sequence[str],
    needs: Needs,
    options: MeasuringOptions,
) -> dict[str, Measurement]:
    """Measure what is needed: the Fisher information in one pass, the moments in another.

    Returns:
        Measurement by name of the layer.

    Raises:
        ArgumentError: If both are needed of batches that can be read only once.
    """
    if needs.statistics and needs.cells and isinstance(batches, Iterator):
        raise ArgumentError(
            "batches",
            type(batches).__name__,
            "batches that can be read twice, since both gradients and inputs are measured",
            "Pass a list or a DataLoader.",
        )
    fishers: dict[str, GroupFisher] = {}
    moments: dict[str, InputMoments] = {}
    if needs.statistics:
        fishers = group_fisher(
            model, batches, layers=layers, statistics=needs.statistics, **options
        )
    if needs.cells:
        moments = input_moments(
            model,
            batches,
            layers=layers,
            cells=needs.cells,
            group_names=options.get("group_names"),
            forward=options.get("forward"),
            processes=options.get("processes", ALONE),
        )
    return {name: Measurement(fishers.get(name), moments.get(name)) for name in layers}
