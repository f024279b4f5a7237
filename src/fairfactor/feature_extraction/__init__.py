"""Texts and images as tables: what a frozen pre-trained network makes of them, computed once."""

from fairfactor.feature_extraction.cache import FeatureCache
from fairfactor.feature_extraction.extract import extract
from fairfactor.feature_extraction.extractor import FeatureExtractor

__all__ = ["FeatureCache", "FeatureExtractor", "extract"]
