"""Whole Hugging Face classifiers of texts: factorised or adapted, tuned, measured, saved."""

from fairfactor.text_settings import TextTuningConfig
from fairfactor.text_tuning.classifier import TextClassifier

__all__ = ["TextClassifier", "TextTuningConfig"]
