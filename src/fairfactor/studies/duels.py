"""Each peer's point against ours, chosen for the gap that the peer shows on validation rows.

The rule, stated beforehand, on each seed: our point is that of `Frontier.weigh` with the gap that
the peer shows on validation rows as the bound: the one with the least validation error plus the
gap that has to be expected beyond the bound, point for point. The peer's own gap has no such
margin. A peer that gives up more than half of what the inputs are worth is answered by the most
accurate point with no larger a gap and no lower an accuracy on validation rows; the same decision
for everyone is among them, and named so.

On test rows our mean gap must then be at most the peer's plus one standard error of the peer's
mean, else the point is not reached. The accuracies are compared by a paired test over seeds,
adjusted by Holm for all duels together; below 0.05 the more accurate one is called better. Where a
gap is undefined on some seed there is no duel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fairfactor.intervals import Interval, holm, mean_interval, paired_difference
from fairfactor.mitigation import RECIPES
from fairfactor.studies.peer_comparison import PeerComparison
from fairfactor.studies.peer_run import GAPS, Entry

SIGNIFICANCE = 0.05
DuelOutcome = Literal["ours better", "no difference detected", "peer better", "not reached"]


@dataclass(frozen=True)
class Duel:
    """One peer's setting against our point for the same gap.

    Attributes:
        entry: Peer and place of the setting.
        gap: Name of the gap, as constraints write it.
        bound: Mean of the bounds that our points were chosen by.
        recipes: Recipes of our points, most frequent first.
        trained_parameters: The most that one of our points trained.
        accuracy: Our accuracy on test rows.
        our_gap: Our gap on test rows.
        accuracy_difference: Ours minus the peer's, paired over seeds.
        gap_difference: The same for the gap.
        outcome: Who is better, by the rule of this module.
    """

    entry: Entry
    gap: str
    bound: float
    recipes: tuple[str, ...]
    trained_parameters: int
    accuracy: Interval
    our_gap: Interval
    accuracy_difference: Interval
    gap_difference: Interval
    outcome: DuelOutcome

    @property
    def metric(self) -> str:
        """Explicit name of the gap's metric."""
        return GAPS[self.gap]

    @property
    def recipe_label(self) -> str:
        """Our recipes as a reader sees them."""
        return ", ".join(RECIPES[name].label for name in self.recipes)


def fight(comparison: PeerComparison) -> list[Duel]:
    """Hold every setting of every peer against our point for the same gap.

    Args:
        comparison: A finished comparison.

    Returns:
        One duel for each setting and each gap that its peer aims at.
    """
    drafts = list(_drafts(comparison))
    adjusted = holm([draft.accuracy_difference.p_value for draft in drafts])
    return [_judged(comparison, draft, float(p)) for draft, p in zip(drafts, adjusted, strict=True)]


def _drafts(comparison: PeerComparison) -> Iterator[Duel]:
    for entry in comparison.entries:
        if comparison.missing(entry[0]):
            continue
        outcomes = comparison.outcomes(entry)
        for gap, metric in GAPS.items():
            if not all(gap in outcome.ours for outcome in outcomes):
                continue
            choices = [outcome.ours[gap] for outcome in outcomes]
            theirs = [outcome.test for outcome in outcomes]
            ours = [choice.test for choice in choices]
            if not all(math.isfinite(test[metric]) for test in (*ours, *theirs)):
                continue
            recipes = [choice.recipe for choice in choices]
            frequent = sorted(dict.fromkeys(recipes), key=lambda name: -recipes.count(name))
            yield Duel(
                entry=entry,
                gap=gap,
                bound=float(np.mean([outcome.validation[metric] for outcome in outcomes])),
                recipes=tuple(frequent),
                trained_parameters=max(choice.trained_parameters for choice in choices),
                accuracy=mean_interval([test["accuracy"] for test in ours]),
                our_gap=mean_interval([test[metric] for test in ours]),
                accuracy_difference=_paired(ours, theirs, "accuracy"),
                gap_difference=_paired(ours, theirs, metric),
                outcome="no difference detected",
            )


def _paired(ours: list[dict[str, float]], theirs: list[dict[str, float]], metric: str) -> Interval:
    return paired_difference([test[metric] for test in ours], [test[metric] for test in theirs])


def _judged(comparison: PeerComparison, draft: Duel, p_value: float) -> Duel:
    """Apply the rule."""
    theirs = mean_interval([o.test[draft.metric] for o in comparison.outcomes(draft.entry)])
    error = 0.0 if theirs.n == 1 else theirs.sd / math.sqrt(theirs.n)
    outcome: DuelOutcome = "no difference detected"
    if draft.gap_difference.mean > error + 1e-12:
        outcome = "not reached"
    elif p_value < SIGNIFICANCE:
        outcome = "ours better" if draft.accuracy_difference.mean > 0 else "peer better"
    return replace(draft, outcome=outcome)
