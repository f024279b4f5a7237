"""The scikit-learn estimator: from arrays and data frames to a network that keeps a bound."""

from fairfactor.estimator.classifier import FairFactorClassifier

__all__ = ["FairFactorClassifier"]
