"""Scores and probabilities in float64, the same for one row as for many."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fairfactor.mitigation import FairModel

_ROWS = 4096


def rule_scores(model: FairModel, inputs: Tensor) -> NDArray[np.float64]:
    """Scores of a decision rule.

    Args:
        model: The network with its rule.
        inputs: Its inputs, (rows × features).

    Returns:
        (rows × classes); the largest is the decision.
    """
    return _evaluated(model, inputs)


def class_probabilities(model: FairModel, inputs: Tensor) -> NDArray[np.float64]:
    """p(y | x) = Σ_s p(y, s | x).

    Args:
        model: The network with its rule, which is not used.
        inputs: Its inputs, (rows × features).

    Returns:
        (rows × classes), each row with sum 1.
    """
    probabilities = _evaluated(model.cell_model, inputs).sum(axis=2)
    return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))


def _evaluated(module: nn.Module, inputs: Tensor) -> NDArray[np.float64]:
    """Evaluate in float64, where the number of rows in a batch leaves no trace.

    Returns:
        What the module gives for each row.
    """
    module = copy.deepcopy(module).double().eval()
    with torch.no_grad():
        parts = [module(batch.double()) for batch in inputs.split(_ROWS)]
    result: NDArray[np.float64] = torch.cat(parts).numpy()
    return result
