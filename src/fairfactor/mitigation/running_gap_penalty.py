"""The penalty on gaps for training in batches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import ArgumentError
from fairfactor.mitigation.gap_penalty import squared_gaps
from fairfactor.mitigation.rates import RateFamily


class RunningGapPenalty:
    """2 Σ_k Σ_s (r_ks − mean_s r_ks)² with the soft rates of the last batches.

    Hits and rows of each rate are sums that forget, h ← m h + (those of the batch), and r = h / n.
    The value is that of the running rates; its gradient reaches the parameters through the rates
    of the batch, ∂r_ks := ∂(rate in the batch), so that a large memory does not weaken it. A group
    without rows in a batch keeps its running rate and gets no gradient from it; a group that no
    batch had yet takes no part. With m = 0 this is the penalty of the batch alone, whose expected
    value noise pushes up.

    Args:
        family: The rates A and B of `RateFamily`.
        n_groups: Number of groups.
        memory: m, from 0 to below 1.
        processes: Those that share a batch, each with rows of its own. Average the gradients of
            the parameters over them, as ``DistributedDataParallel`` does.

    Raises:
        ArgumentError: If the memory is outside of its range.
    """

    def __init__(
        self,
        family: RateFamily,
        n_groups: int,
        memory: float = 0.9,
        processes: Processes = ALONE,
    ) -> None:
        if not 0 <= memory < 1:
            raise ArgumentError("memory", memory, "a number from 0 to below 1")
        self.family, self.n_groups, self.memory = family, n_groups, memory
        self.processes = processes
        self.hits = torch.from_numpy(family.hits)
        self.events = torch.from_numpy(family.events)
        size = (len(family.hits), n_groups)
        self.hit_sums = torch.zeros(size, dtype=torch.float64)
        self.row_sums = torch.zeros(size, dtype=torch.float64)

    def __call__(self, probabilities: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """Take a batch into the running rates.

        Args:
            probabilities: p(c | x) of the batch, (rows × classes).
            labels: Class codes, (rows,).
            groups: Group codes, (rows,); rows of -1 take no part.

        Returns:
            The penalty, a scalar.
        """
        member = functional.one_hot(groups + 1, self.n_groups + 1)[:, 1:].double()
        rows = torch.einsum("ki,is->ks", self.events[:, labels], member)
        credit = torch.einsum("kci,ic->ki", self.hits[:, :, labels], probabilities.double())
        hits = torch.einsum("ki,is->ks", credit, member)
        self.processes.sum([rows])
        hits = self.processes.sum_with_gradient(hits)
        self.hit_sums = self.memory * self.hit_sums + hits.detach()
        self.row_sums = self.memory * self.row_sums + rows
        known = self.row_sums > 0
        running = self.hit_sums / torch.where(known, self.row_sums, 1)
        here = hits / rows.clamp_min(1)
        rates = running + here - here.detach()
        return squared_gaps(rates, known).to(probabilities.dtype)
