"""The one factorisation problem that every weighting of the family is a case of."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError
from fairfactor.factorization.arguments import (
    checked_companion,
    checked_rank,
    checked_weight,
    describe,
)
from fairfactor.factorization.factors import Factors
from fairfactor.factorization.metric import MetricRoot, metric_root
from fairfactor.factorization.penalty import bias_penalty
from fairfactor.factorization.truncation import Method, Truncation, truncate

Split = Literal["input", "balanced"]


def factorize(
    weight: Tensor,
    rank: int,
    *,
    input_metric: Tensor | None = None,
    output_metric: Tensor | None = None,
    directions: Tensor | None = None,
    strength: float = 0.0,
    mean_input: Tensor | None = None,
    split: Split = "input",
    floor: float = 1e-12,
    method: Method = "auto",
) -> Factors:
    """Find the rank-r weight that is closest to ``W`` where it matters.

    ``min over rank(T) ≤ r of ‖N^½ (W - T) M^½‖² + λ ‖N^½ T Δ‖²``. With ``M' = M + λ Δ Δᵀ`` this is
    ``‖N^½ (T - W M M'⁻¹) M'^½‖²`` up to a constant, so by Eckart and Young (1936)

    ``T = N^-½ [N^½ W M M'^-½]_r M'^-½``, with ``[.]_r`` the truncated SVD.

    With ``M = diag(Î_N²)`` and nothing else this is Eq. 4 of Zhang and Zhou (arXiv:2403.00625);
    their ``A = Î_N⁻¹ U_r S_r`` is ``down.T`` and their ``B = V_rᵀ`` is ``up.T``. At full rank and
    λ = 0, ``T = W`` whatever the metrics.

    The limit λ = ∞ erases the directions: ``T Δ = 0``, and at full rank
    ``T = W (I - Δ (Δᵀ M⁻¹ Δ)⁺ Δᵀ M⁻¹)``, which with M the covariance of the inputs is LEACE
    (Belrose et al. 2023).

    A full metric costs one symmetric eigendecomposition, O(in³) or O(out³); a diagonal costs
    nothing. All is done in float64 on the weight's device (on the CPU if that has no float64).

    Args:
        weight: ``W``, shape (out, in).
        rank: Number of components r, from 1 to min(out, in).
        input_metric: ``M``, shape (in, in), or (in,) for a diagonal; None is the identity.
        output_metric: ``N``, shape (out, out), or (out,) for a diagonal; None is the identity.
        directions: ``Δ``, shape (in, c) or (in,): what the output should not respond to.
        strength: ``λ`` ≥ 0, in the units of ``M``; ``math.inf`` is allowed.
        mean_input: ``μ``, shape (in,); gives ``Factors.bias_correction``.
        split: "input" puts all singular values into ``down``, as the paper does; "balanced" puts
            their square roots into each factor. Neither factor depends on the scale of a metric:
            both splits are those of metrics with mean eigenvalue 1.
        floor: Eigenvalues of a metric below this fraction of its largest are raised to it, so that
            inputs of no importance come last but are not lost.
        method: "exact" is the full SVD; "randomized" finds the first r components only, with the
            bound ``Factors.error_bound``; "auto" takes the latter for r ≤ min(out, in) / 8 of a
            weight of at least 2048 on both sides.

    Returns:
        The factors, in the dtype and on the device of the weight. In each column of ``up`` the
        first of the entries of largest magnitude is positive.

    Raises:
        ArgumentError: If an argument has the wrong shape, range or type; the message names it.
    """
    if split not in ("input", "balanced"):
        raise ArgumentError("split", split, "'input' or 'balanced'", "The paper's is 'input'.")
    if method not in ("auto", "exact", "randomized"):
        raise ArgumentError("method", method, "'auto', 'exact' or 'randomized'")
    if not 0.0 < floor < 1.0:
        raise ArgumentError("floor", floor, "a number between 0 and 1", "The default is 1e-12.")
    W = checked_weight(weight)
    r = checked_rank(rank, (W.shape[0], W.shape[1]))
    mean = _checked_mean(mean_input, W)
    input_root = metric_root(input_metric, "input_metric", W, 1, floor)
    output_root = metric_root(output_metric, "output_metric", W, 0, floor)
    penalty = bias_penalty(directions, strength, W, input_root)
    # M' = (R K^½)(R K^½)ᵀ with M = R Rᵀ, so W M M'^-½ is W R K^-½ and M'^-½ is K^-½ R⁻¹.
    seen = penalty.shrink(input_root.multiply(W))
    truncation = truncate(output_root.multiply(seen.T).T, r, method)
    up = output_root.divide(truncation.left.T).T
    down = input_root.divide(penalty.shrink(truncation.right))
    scale = column_signs(up) * _split(truncation, r, split, input_root, output_root)
    factors = Factors(
        down=_rounded(down / scale[:, None], weight),
        up=_rounded(up * scale, weight),
        bias_correction=None,
        singular_values=truncation.singular_values,
        method=truncation.method,
        norm=truncation.norm,
        excess_energy=truncation.excess_energy,
    )
    return factors if mean is None else factors.with_bias_correction(weight, mean)


def column_signs(matrix: Tensor) -> Tensor:
    """Return the sign of the first of the largest entries of each column, +1 for a column of zeros.

    Entries within 1e-6 of the largest count as equal: the two output weights of a binary head are
    opposite, and rounding must not choose between them.
    """
    magnitudes = matrix.abs()
    large = magnitudes >= (1 - 1e-6) * magnitudes.amax(0)
    first = large.to(torch.uint8).argmax(0, keepdim=True)
    return torch.where(matrix.gather(0, first)[0] < 0, -1.0, 1.0).to(matrix)


def _split(
    truncation: Truncation, rank: int, split: Split, input_root: MetricRoot, output_root: MetricRoot
) -> Tensor:
    """Return what each column of ``up`` is multiplied with, and each row of ``down`` divided by.

    A singular value of zero stays where it is.
    """
    values = truncation.singular_values[:rank]
    share = 0.0 if split == "input" else 0.5
    negligible = torch.finfo(values.dtype).eps * values.max()
    moved = torch.where(values > negligible, values, 1.0) ** (share - truncation.left_has_values)
    input_scale, output_scale = input_root.mean_square.sqrt(), output_root.mean_square.sqrt()
    return moved * output_scale / (input_scale * output_scale) ** share


def _rounded(factor: Tensor, weight: Tensor) -> Tensor:
    """Return a factor in the dtype and on the device of the weight.

    Raises:
        ArgumentError: If the dtype is too small to hold it.
    """
    result = factor.to(weight)
    if not bool(result.isfinite().all()):
        raise ArgumentError(
            "weight",
            describe(weight),
            f"a dtype that can hold the factor's {float(factor.abs().max()):.2g}",
            "Convert the layer to float32 first.",
        )
    return result


def _checked_mean(mean_input: Tensor | None, W: Tensor) -> Tensor | None:
    """Return the mean input in float64, or refuse it."""
    if mean_input is None:
        return None
    accepted, shape = f"a vector of shape ({W.shape[1]},)", (W.shape[1],)
    return checked_companion(mean_input, "mean_input", W, accepted=accepted, shapes=[shape])
