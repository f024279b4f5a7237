"""Box 3: the best rank-r factors of a weight under an importance metric."""

from __future__ import annotations

from fairfactor.factorization.closed_form import Split, factorize
from fairfactor.factorization.elementwise import elementwise_weighted
from fairfactor.factorization.factors import Factors
from fairfactor.factorization.named import (
    activation_whitened,
    bias_aware,
    fisher_weighted,
    full_neutralized,
    kronecker,
    neutralized,
    plain_svd,
)
from fairfactor.factorization.truncation import Method

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
