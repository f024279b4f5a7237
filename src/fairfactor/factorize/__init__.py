"""Box 3: the best rank-r factors of a weight under an importance metric."""

from __future__ import annotations

from fairfactor.factorize.closed_form import Split, factorize
from fairfactor.factorize.elementwise import elementwise_weighted
from fairfactor.factorize.factors import Factors
from fairfactor.factorize.named import (
    activation_whitened,
    bias_aware,
    fisher_weighted,
    full_neutralized,
    kronecker,
    neutralized,
    plain_svd,
)
from fairfactor.factorize.truncation import Method

__all__ = [
    "Factors",
    "Method",
    "Split",
    "activation_whitened",
    "bias_aware",
    "elementwise_weighted",
    "factorize",
    "fisher_weighted",
    "full_neutralized",
    "kronecker",
    "neutralized",
    "plain_svd",
]
