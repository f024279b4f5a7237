"""An epoch of a head on a frozen 18-layer ResNet at 64 pixels, with the feature cache and without.

The images are random numbers in memory, which favours the epoch without: no file is decoded. Times
are processor seconds of one thread; the ratio is the median over rounds in one run.

    python -m benchmarks.bench_features
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.bench_importance import residual
from benchmarks.measure import median_ratio, processor_seconds, race, write
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.feature_extraction import FeatureCache, FeatureExtractor

PIXELS, BATCH, SHARD_ROWS = 64, 64, 256


class Images(FeatureExtractor):
    """The frozen ResNet-18 of the other benchmarks, without its last layer."""

    kind = "benchmark"

    def __init__(self, rows: int) -> None:
        super().__init__("image", 512)
        torch.manual_seed(0)
        self.network = residual()[0][:-1].eval().requires_grad_(requires_grad=False)
        self.images = torch.randint(0, 256, (rows, 3, PIXELS, PIXELS), dtype=torch.uint8)

    def features(self, values: Sequence[str]) -> Tensor:
        rows = torch.tensor([int(value) for value in values])
        return self.network(self.images[rows].float() / 255)

    def description(self) -> dict[str, Any]:
        return {"pixels": PIXELS}

    @classmethod
    def skeleton(cls, description: Mapping[str, Any]) -> Images:
        raise NotImplementedError


def train_epoch(head: nn.Linear, read: Callable[[Tensor], Tensor], labels: Tensor) -> None:
    """One pass over all rows in a random order."""
    optimizer = torch.optim.Adam(head.parameters())
    for rows in torch.randperm(len(labels)).split(BATCH):
        optimizer.zero_grad()
        functional.cross_entropy(head(read(rows)), labels[rows]).backward()
        optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    extractor, values = Images(options.rows), [str(row) for row in range(options.rows)]
    labels, head = torch.randint(0, 2, (options.rows,)), nn.Linear(extractor.width, 2)

    def frozen(rows: Tensor) -> Tensor:
        with torch.no_grad():
            return extractor.features([values[row] for row in rows.tolist()])

    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder), shard_rows=SHARD_ROWS)
        first = processor_seconds(lambda: cache.features(extractor, values))
        opened = processor_seconds(lambda: cache.features(extractor, values))
        shards = cache.shards(extractor, values)
        features = shards.tensor()
        seconds = race(
            {
                "without": lambda: train_epoch(head, frozen, labels),
                "from memory": lambda: train_epoch(head, features.__getitem__, labels),
                "from disk": lambda: train_epoch(head, shards.__getitem__, labels),
            },
            options.rounds,
        )
    write(
        "features",
        {
            "what": f"ResNet-18, {PIXELS} pixels, {options.rows} images, batches of {BATCH}",
            "processor seconds": {
                "first computation, kept on disk": round(first, 3),
                "opening in a later run, every byte checked": round(opened, 4),
                **{f"epoch, {name}": round(min(found), 4) for name, found in seconds.items()},
            },
            "epoch without over epoch with": {
                name: median_ratio(seconds["without"], seconds[name])
                for name in ("from memory", "from disk")
            },
            "epoch without over opening and an epoch": round(
                min(seconds["without"]) / (opened + min(seconds["from memory"])), 1
            ),
        },
    )


if __name__ == "__main__":
    main()
