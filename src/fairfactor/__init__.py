"""Fine-tune pre-trained models and answer for how they treat different groups of people.

The five boxes of "Bias Mitigation in Fine-tuning Pre-trained Models for Enhanced Fairness and
Efficiency" (arXiv 2403.00625), in their order: `group_fisher`, `neutralize`, `factorize` (with its
named cases, such as `neutralized`), `replace_layer`, `finetune`. `prepare` and `fit` run them for
one layer of a model, `factorize_model` the first four for any layers; `diagnose` says what a
replacement changed. `encode_groups` and `fairness_metrics` measure; `save_model` and `load_model`
keep the result. `FairFactorClassifier`, imported when it is asked for, is a scikit-learn estimator
that keeps bounds on gaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

from fairfactor.diagnosis import diagnose
from fairfactor.factorization import Factors, factorize, neutralized, plain_svd
from fairfactor.fairness import confusion_counts, fairness_metrics
from fairfactor.finetuning import FinetuneConfig, finetune
from fairfactor.groups import Groups, encode_groups
from fairfactor.importance import GroupFisher, group_fisher
from fairfactor.neutralization import neutralize
from fairfactor.pipeline import Rows, fit, predict_probabilities, prepare
from fairfactor.surgery import LowRankLinear, load_model, merge_layer, replace_layer, save_model
from fairfactor.whole_model import factorize_model

if TYPE_CHECKING:
    from fairfactor.estimator import FairFactorClassifier

__all__ = [
    "Factors",
    "FairFactorClassifier",
    "FinetuneConfig",
    "GroupFisher",
    "Groups",
    "LowRankLinear",
    "Rows",
    "confusion_counts",
    "diagnose",
    "encode_groups",
    "factorize",
    "factorize_model",
    "fairness_metrics",
    "finetune",
    "fit",
    "group_fisher",
    "load_model",
    "merge_layer",
    "neutralize",
    "neutralized",
    "plain_svd",
    "predict_probabilities",
    "prepare",
    "replace_layer",
    "save_model",
]


def __getattr__(name: str) -> Any:
    """Import the estimator, which needs scikit-learn and pandas, when it is first asked for.

    Returns:
        The class.

    Raises:
        AttributeError: If there is no such name.
    """
    if name == "FairFactorClassifier":
        from fairfactor.estimator import FairFactorClassifier

        return FairFactorClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
