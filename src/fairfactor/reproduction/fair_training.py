"""Train a whole network with a penalty on a gap: the paper's "fair" pre-training and Retrain rows.

The paper names the constraints (demographic parity, equalised odds), cites Zafar et al., and gives
intensities 0.1, 0.5 and 0.9, but no formula. Our reading: with intensity ι the loss of a batch is

    cross-entropy + ι · penalty

with the penalty of `PENALTIES`. The other reading, (1 - ι) · cross-entropy + ι · penalty, is not
the paper's: at ι = 0.9 such a network predicts nobody positive (Err 35), and the paper has Err 18.7
and 20.2. Rates are soft, so that they have a gradient. Nothing is chosen on test rows: the epoch
and the learning rate are those with the smallest such loss on validation rows.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import TrainingError
from fairfactor.features import evaluation_mode
from fairfactor.finetuning import FinetuneConfig
from fairfactor.pipeline import Rows
from fairfactor.reproduction.backbones import build_backbone
from fairfactor.reproduction.problems import problem
from fairfactor.studies.seed_run import hold_out

CONSTRAINTS = {"equalized_odds": "EO", "demographic_parity": "DP"}
INTENSITIES = (0.1, 0.5, 0.9)

Penalty = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From logits (rows × 2), groups (rows) and a mask of rows (rows) to a gap among these rows."""


def soft_gap(logits: Tensor, groups: Tensor, rows: Tensor) -> Tensor:
    """The gap with probabilities in the place of decisions: |mean p₁ of group 0 - of group 1|.

    Args:
        logits: Shape (rows, 2).
        groups: Codes 0 and 1.
        rows: Which rows take part.

    Returns:
        A scalar; 0 if a group has no row.
    """
    positive = logits.softmax(dim=1)[:, 1]
    first, second = positive[rows & (groups == 0)], positive[rows & (groups == 1)]
    if not len(first) or not len(second):
        return logits.new_zeros(())
    return (first.mean() - second.mean()).abs()


def covariance(logits: Tensor, groups: Tensor, rows: Tensor) -> Tensor:
    """|Cov(s, z₁ - z₀)| of group and signed distance to the boundary (Zafar et al. 2015).

    Args:
        logits: Shape (rows, 2).
        groups: Codes 0 and 1.
        rows: Which rows take part.

    Returns:
        A scalar; 0 if no row takes part.
    """
    if not bool(rows.any()):
        return logits.new_zeros(())
    distance = (logits[:, 1] - logits[:, 0])[rows]
    group = groups[rows].to(logits)
    return ((group - group.mean()) * distance).mean().abs()


PENALTIES: dict[str, Penalty] = {"soft_gap": soft_gap, "covariance": covariance}


def constrained_loss(
    logits: Tensor, rows: Rows, constraint: str, penalty: str, intensity: float
) -> Tensor:
    """cross-entropy + ι · penalty.

    Args:
        logits: Outputs for the rows, (rows × 2).
        rows: The rows.
        constraint: A key of `CONSTRAINTS`: for equalised odds the penalties among positive and
            among negative rows are added, as in the paper's ΔEO.
        penalty: A key of `PENALTIES`.
        intensity: ι.

    Returns:
        A scalar.
    """
    everybody = torch.ones_like(rows.targets, dtype=torch.bool)
    masks = (
        [everybody]
        if constraint == "demographic_parity"
        else [rows.targets == label for label in (0, 1)]
    )
    gap = torch.stack([PENALTIES[penalty](logits, rows.groups, mask) for mask in masks]).sum()
    return functional.cross_entropy(logits, rows.targets) + intensity * gap


def train_constrained(
    model: nn.Module,
    train: Rows,
    validation: Rows,
    *,
    constraint: str,
    penalty: str,
    intensity: float,
    config: FinetuneConfig,
    seed: int,
) -> nn.Module:
    """Train all parameters of a model in place with Adam on the constrained loss.

    Args:
        model: From inputs to two logits.
        train: Rows to train on.
        validation: Rows that choose the learning rate and the epoch.
        constraint: A key of `CONSTRAINTS`.
        penalty: A key of `PENALTIES`.
        intensity: ι.
        config: Learning rates, epochs and batch size.
        seed: Seed of the order of the rows.

    Returns:
        The same model in evaluation mode.

    Raises:
        TrainingError: If the loss is never finite.
    """
    start = copy.deepcopy(model.state_dict())
    best_loss, best_state = math.inf, start
    for rate in config.learning_rates:
        model.load_state_dict(start)
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(config.epochs):
            model.train()
            order = torch.randperm(len(train.targets), generator=generator)
            for places in order.split(config.batch_size):
                batch = train.at(places)
                optimizer.zero_grad()
                constrained_loss(
                    model(batch.inputs), batch, constraint, penalty, intensity
                ).backward()
                optimizer.step()
            with evaluation_mode(model):
                logits = model(validation.inputs)
                loss = float(constrained_loss(logits, validation, constraint, penalty, intensity))
            if loss < best_loss:
                best_loss, best_state = loss, copy.deepcopy(model.state_dict())
    if not math.isfinite(best_loss):
        raise TrainingError("the constrained loss is not finite. Try smaller learning rates.")
    model.load_state_dict(best_state)
    return model.eval()


@lru_cache(maxsize=2)
def fair_pretrained(penalty: str, constraint: str, intensity: float, seed: int) -> nn.Module:
    """The paper's network, pre-trained on Adult with a penalty on a gap.

    Args:
        penalty: A key of `PENALTIES`.
        constraint: A key of `CONSTRAINTS`.
        intensity: Its weight in the loss.
        seed: Seed of everything.

    Returns:
        The network, not to be changed.
    """
    rows = problem("adult", seed)
    source = rows.rows["pretraining"]
    trained, held_out = hold_out(source, seed)
    return train_constrained(
        build_backbone("mlp-2", source.inputs.shape[1], 2, seed=seed),
        trained,
        held_out,
        constraint=constraint,
        penalty=penalty,
        intensity=intensity,
        config=rows.pretraining,
        seed=seed,
    )
