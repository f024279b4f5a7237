"""A last layer fitted with a penalty on gaps, over a path of strengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.distributed import ALONE, Processes
from fairfactor.importance.group_sums import FEW_GROUPS
from fairfactor.mitigation.class_head import head_path
from fairfactor.mitigation.rates import RateFamily


class GapPenalty:
    """2 Σ_k Σ_s (r_ks − mean_s r_ks)² with soft rates; for two groups Σ_k (r_k0 − r_k1)².

    r_ks is the mean of Σ_c A_k[c, y] p(c | x) over the rows of group s with B_k[y] = 1, always over
    all rows, so that no batch can miss a group.

    Args:
        family: The rates A and B.
        labels: Class codes, (rows,).
        groups: Group codes, (rows,); rows of -1 take no part.
        n_groups: Number of groups.
        processes: Those that share the rows, each with its own. Average the gradients of the
            parameters over them, as ``DistributedDataParallel`` does.
    """

    def __init__(
        self,
        family: RateFamily,
        labels: Tensor,
        groups: Tensor,
        n_groups: int,
        processes: Processes = ALONE,
    ) -> None:
        self.hits = torch.from_numpy(family.hits).float()
        events = torch.from_numpy(family.events).float()[:, labels]
        self.processes = processes
        self.labels = labels
        self.events, self.codes, self.n_groups = events, groups + 1, n_groups
        self.sizes = self._sums(events)
        processes.sum([self.sizes])
        self.shares: Tensor | None = None
        if n_groups <= FEW_GROUPS:
            member = functional.one_hot(self.codes, n_groups + 1)[:, 1:].float()
            rows = torch.einsum("ki,is->ksi", events, member)
            self.shares = rows / self.sizes.clamp_min(1)[:, :, None]

    def rates(self, probabilities: Tensor) -> Tensor:
        """Soft rates.

        Args:
            probabilities: p(c | x), (rows × classes).

        Returns:
            r, (rates × groups); 0 where a group has no such rows.
        """
        credit = torch.einsum("kci,ic->ki", self.hits[:, :, self.labels], probabilities)
        if self.shares is not None:
            rates = torch.einsum("ksi,ki->ks", self.shares, credit)
        else:
            rates = self._sums(self.events * credit) / self.sizes.clamp_min(1)
        return self.processes.sum_with_gradient(rates)

    def _sums(self, values: Tensor) -> Tensor:
        """Sum values (rates × rows) over the rows of each group, (rates × groups)."""
        sums = values.new_zeros(len(values), self.n_groups + 1)
        return sums.index_add(1, self.codes, values)[:, 1:].contiguous()

    def __call__(self, probabilities: Tensor) -> Tensor:
        """The penalty of probabilities (rows × classes), a scalar."""
        return squared_gaps(self.rates(probabilities), self.sizes > 0)


def squared_gaps(rates: Tensor, known: Tensor) -> Tensor:
    """2 Σ_k Σ_s (r_ks − mean_s r_ks)² over the groups s whose rate is known.

    Args:
        rates: r, (rates × groups).
        known: Which of them take part, (rates × groups), bool.

    Returns:
        A scalar.
    """
    number = known.sum(dim=1, keepdim=True).clamp_min(1)
    means = (rates * known).sum(dim=1, keepdim=True) / number
    return 2 * ((rates - means) * known).square().sum()


def penalty_path(
    features: Tensor,
    labels: Tensor,
    penalty: GapPenalty,
    n_classes: int,
    strengths: Iterable[float],
) -> Iterator[nn.Linear]:
    """Minimise cross-entropy + strength · penalty for each strength, as `head_path` does.

    Args:
        features: Inputs of the layer, (rows × features).
        labels: Class codes, (rows,).
        penalty: The penalty.
        n_classes: Number of classes.
        strengths: From weak to strong.

    Returns:
        One layer for each strength.
    """

    def loss(strength: float, logits: Tensor) -> Tensor:
        penalised = strength * penalty(logits.softmax(dim=1))
        return functional.cross_entropy(logits, labels) + penalised

    return head_path(features, n_classes, (partial(loss, strength) for strength in strengths))
