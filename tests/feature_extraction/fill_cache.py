"""Fill a cache when told to: ``python fill_cache.py FOLDER``."""

from __future__ import annotations

import sys

import torch
from fake_extractor import FakeExtractor

from fairfactor.feature_extraction.cache import FeatureCache

print("ready", flush=True)
sys.stdin.readline()
values = [f"{i:04d}" for i in range(200)]
found = FeatureCache(sys.argv[1], shard_rows=2).features(FakeExtractor(), values)
with torch.no_grad():
    assert torch.allclose(found, FakeExtractor().features(values))
