"""The paper's numbers (arXiv 2403.00625), in percent for Err and as fractions for the gaps.

Those of the figures were measured in the vector graphics, to ±0.001, and ±0.01 for Err. Means and
standard deviations are over 10 runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RUNS = 10
METRICS = {
    "paper_error": "Err %",
    "demographic_parity_difference": "ΔDP",
    "equalized_odds_difference_sum": "ΔEO (sum)",
}


@dataclass(frozen=True)
class PaperNumber:
    """One number of the paper.

    Attributes:
        mean: Its value, a mean over 10 runs if there is a standard deviation.
        sd: The standard deviation over the runs; ``None`` where the paper gives none.
    """

    mean: float
    sd: float | None = None


Numbers = Mapping[str, PaperNumber]
"""Numbers by the explicit name of the metric."""


def numbers(
    error: tuple[float, ...] | None = None,
    parity: tuple[float, ...] | None = None,
    odds: tuple[float, ...] | None = None,
) -> Numbers:
    """Name the numbers of a row; each is (mean,) or (mean, standard deviation).

    Args:
        error: Err.
        parity: ΔDP.
        odds: ΔEO.

    Returns:
        Those that are given.
    """
    given = zip(METRICS, (error, parity, odds), strict=True)
    return {name: PaperNumber(*values) for name, values in given if values is not None}


FIGURE_4 = {
    ("adult", "head-tuning"): numbers((16.52, 0.41), (0.201, 0.032), (0.238, 0.003)),
    ("adult", "plain-svd"): numbers((16.69, 0.45), (0.191, 0.004), (0.202, 0.016)),
    ("adult", "neutralized"): numbers((16.07, 0.21), (0.168, 0.004), (0.197, 0.028)),
    ("lfw+a", "head-tuning"): numbers((15.07, 2.52), (0.172, 0.048), (0.289, 0.078)),
    ("lfw+a", "plain-svd"): numbers((16.60, 3.50), (0.140, 0.043), (0.276, 0.071)),
    ("lfw+a", "neutralized"): numbers((11.73, 3.31), (0.085, 0.059), (0.257, 0.066)),
    ("celeba", "head-tuning"): numbers((19.32, 1.92), (0.248, 0.067), (0.346, 0.049)),
    ("celeba", "plain-svd"): numbers((20.19, 0.14), (0.235, 0.024), (0.327, 0.076)),
    ("celeba", "neutralized"): numbers((17.74, 0.01), (0.182, 0.005), (0.230, 0.084)),
}
"""By data set and method."""

TABLE_2_BEFORE = {
    ("equalized_odds", 0.1): numbers((16.835,), odds=(0.068,)),
    ("equalized_odds", 0.5): numbers((17.469,), odds=(0.012,)),
    ("equalized_odds", 0.9): numbers((18.744,), odds=(0.008,)),
    ("demographic_parity", 0.1): numbers((17.332,), (0.125,)),
    ("demographic_parity", 0.5): numbers((17.489,), (0.047,)),
    ("demographic_parity", 0.9): numbers((20.160,), (0.031,)),
}
TABLE_2_AFTER = {
    ("equalized_odds", 0.1): numbers((16.676, 0.313), odds=(0.206, 0.024)),
    ("equalized_odds", 0.5): numbers((17.168, 0.941), odds=(0.183, 0.037)),
    ("equalized_odds", 0.9): numbers((17.343, 0.973), odds=(0.186, 0.017)),
    ("demographic_parity", 0.1): numbers((17.479, 0.068), (0.171, 0.009)),
    ("demographic_parity", 0.5): numbers((17.773, 0.034), (0.173, 0.023)),
    ("demographic_parity", 0.9): numbers((17.071, 0.036), (0.172, 0.018)),
}
"""By constraint and intensity: a fair pre-trained model, before and after fine-tuning."""

TABLE_3_PRETRAINED = numbers((16.165,), (0.192,), (0.223,))
TABLE_3_OURS = numbers((15.829, 0.340), (0.180, 0.022), (0.197, 0.011))
TABLE_3 = {
    ("equalized_odds", 0.1): numbers((16.763, 0.223), (0.196, 0.027), (0.214, 0.027)),
    ("equalized_odds", 0.5): numbers((17.440, 0.676), (0.183, 0.011), (0.150, 0.040)),
    ("equalized_odds", 0.9): numbers((18.810, 0.588), (0.184, 0.032), (0.147, 0.031)),
    ("demographic_parity", 0.1): numbers((16.752, 0.263), (0.174, 0.026), (0.206, 0.035)),
    ("demographic_parity", 0.5): numbers((17.659, 0.375), (0.168, 0.023), (0.201, 0.024)),
    ("demographic_parity", 0.9): numbers((18.472, 0.228), (0.143, 0.021), (0.204, 0.023)),
}
"""By constraint and intensity: constraint while fine-tuning."""

TABLE_4 = {
    ("adult", "mlp-3"): numbers((16.678, 0.681), (0.162, 0.027), (0.185, 0.023)),
    ("adult", "mlp-4"): numbers((16.237, 0.456), (0.170, 0.022), (0.173, 0.029)),
    ("adult", "mlp-5"): numbers((16.166, 0.337), (0.166, 0.014), (0.179, 0.012)),
    ("lfw+a", "resnet-50"): numbers((10.634, 0.241), (0.080, 0.032), (0.218, 0.081)),
    ("lfw+a", "densenet-121"): numbers((9.775, 0.131), (0.073, 0.009), (0.232, 0.054)),
    ("celeba", "resnet-50"): numbers((17.582, 0.226), (0.182, 0.005), (0.243, 0.061)),
    ("celeba", "densenet-121"): numbers((18.438, 0.174), (0.169, 0.009), (0.201, 0.028)),
}
"""Ours by data set and architecture."""

FIGURE_5 = {
    0.5: numbers((16.83,), (0.168,), (0.210,)),
    0.6: numbers((16.20,), (0.170,), (0.219,)),
    0.7: numbers((15.88,), (0.171,), (0.212,)),
    0.8: numbers((15.81,), (0.173,), (0.205,)),
    0.9: numbers((16.14,), (0.186,), (0.227,)),
}
"""Ours on Adult by α."""

FIGURE_3 = {"correlation": 0.86, "scale_ratio": 2.8}
"""Of the two groups' Fisher information, one run: correlation, and the larger over the smaller."""

PARAMETERS = {"ours": 46, "whole network": 742}
"""Trained parameters on Adult."""
