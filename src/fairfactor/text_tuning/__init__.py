"""Whole Hugging Face classifiers of texts: factorised or adapted, tuned, measured, saved."""

from fairfactor.text_tuning.classifier import TextClassifier
from fairfactor.text_tuning.config import TextTuningConfig

__all__ = ["TextClassifier", "TextTuningConfig"]
