"""Peak memory of every box over the number of rows, from a thousand to ten million.

Rows go from an extractor through the feature cache to disk, and from there, a file at a time,
through group Fisher and factorisation, training of the factors with a gap penalty, the full-batch
path of a last layer with a gap penalty, and evaluation. Every size is a process of its own, which
may hold 512 MiB more than it has after its imports (RLIMIT_DATA); all features of the largest would
take 0.6 GB (table) and 0.05 GB (images). A value is a number, from which the row is made.

    python -m benchmarks.bench_memory
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.measure import apart, forget_highest, resident_mib, write
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.fairness import confusion_counts, demographic_parity_difference
from fairfactor.feature_extraction import FeatureCache, FeatureExtractor
from fairfactor.feature_extraction.shards import FeatureShards
from fairfactor.groups import Groups
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.running_gap_penalty import RunningGapPenalty
from fairfactor.mitigation.streamed_penalty import streamed_penalty_path
from fairfactor.weighting import Neutralized
from fairfactor.whole_model import factorize_model

SIZES = {"table": (10**3, 10**4, 10**5, 10**6, 10**7), "images": (10**3, 10**4, 10**5, 202_599)}
SHARD_ROWS = {"table": 2**16, "images": 2**13}
WIDTH = {"table": 16, "images": 64}
BATCH, LIMIT_MIB = 4096, 512


class Numbers(Sequence[str]):
    """The numbers of the rows as texts, made when they are asked for."""

    def __init__(self, rows: range) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        found = self._rows[place]
        return [str(row) for row in found] if isinstance(place, slice) else str(found)


class TableRows(FeatureExtractor):
    """Sixteen Gaussian numbers a row."""

    kind = "table"

    def __init__(self) -> None:
        super().__init__("row", WIDTH["table"])

    def features(self, values: Sequence[str]) -> Tensor:
        generator = torch.Generator().manual_seed(int(values[0]))
        return torch.randn(len(values), self.width, generator=generator)

    def description(self) -> dict[str, Any]:
        return {}

    @classmethod
    def skeleton(cls, description: Mapping[str, Any]) -> TableRows:
        return cls(**description)


class ImageRows(TableRows):
    """Images of 64 × 64 pixels, seen through one frozen convolution."""

    kind = "images"

    def __init__(self) -> None:
        FeatureExtractor.__init__(self, "row", WIDTH["images"])
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, self.width, 8, stride=8).requires_grad_(requires_grad=False)

    def features(self, values: Sequence[str]) -> Tensor:
        generator = torch.Generator().manual_seed(int(values[0]))
        pixels = torch.randint(0, 256, (len(values), 3, 64, 64), generator=generator)
        return self.layer(pixels / 128 - 1).mean(dim=(2, 3))


def with_codes(shards: FeatureShards) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Labels and groups that depend on the features, and on each other."""
    for features in shards:
        scores = features / features.std(dim=0)
        groups = (scores[:, 2] > 0.3).long()
        labels = (scores[:, 0] + scores[:, 1] + 0.8 * groups > 0.4).long()
        for part in torch.arange(len(features)).split(BATCH):
            yield features[part], labels[part], groups[part]


def load_optimizers() -> None:
    """Import what PyTorch imports at the first step."""
    layer = nn.Linear(2, 2)
    for kind in (torch.optim.Adam, torch.optim.LBFGS):
        layer(torch.zeros(1, 2)).sum().backward()
        kind(layer.parameters()).step(lambda: 0.0)


def train_factors(model: nn.Module, shards: FeatureShards) -> None:
    """One pass over the rows with cross-entropy and the running gap penalty."""
    model.requires_grad_(requires_grad=True)
    penalty = RunningGapPenalty(rate_family("equalized_odds", 2), 2)
    optimizer = torch.optim.Adam(model.parameters())
    for features, labels, groups in with_codes(shards):
        optimizer.zero_grad()
        logits = model(features)
        gap = penalty(logits.softmax(dim=1), labels, groups)
        (functional.cross_entropy(logits, labels) + gap).backward()
        optimizer.step()


def evaluate(model: nn.Module, shards: FeatureShards) -> float:
    total = None
    for features, labels, groups in with_codes(shards):
        with torch.no_grad():
            predicted = model(features).argmax(dim=1)
        named = Groups(groups.numpy(), ("a", "b"))
        counts = confusion_counts(labels.numpy(), predicted.numpy(), named, n_classes=2)
        total = counts if total is None else total + counts
    return float(demographic_parity_difference(total))


def measure(kind: str, rows: int, folder: Path) -> dict[str, Any]:
    torch.set_num_threads(1)
    extractor: FeatureExtractor = TableRows() if kind == "table" else ImageRows()
    cache = FeatureCache(folder, SHARD_ROWS[kind], BATCH if kind == "table" else 64)
    torch.manual_seed(0)
    width = WIDTH[kind]
    model = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 2)).eval()
    held: dict[str, Any] = {}

    def extract() -> None:
        held["shards"] = cache.shards(extractor, Numbers(range(rows)))

    def factorize() -> None:
        batches = with_codes(held["shards"])
        factorize_model(model, batches, weighting=Neutralized(), rank=4, layers="0")

    def path() -> None:
        chunks = lambda: with_codes(held["shards"])  # noqa: E731
        family = rate_family("equalized_odds", 2)
        list(streamed_penalty_path(chunks, family, 2, 2, [0.0, 4.0], iterations=4))

    stages = {
        "features to disk": extract,
        "Fisher and factorisation": factorize,
        "training of the factors": lambda: train_factors(model, held["shards"]),
        "path of the last layer": path,
        "evaluation": lambda: held.update(gap=evaluate(model, held["shards"])),
    }
    load_optimizers()
    before = resident_mib("VmRSS")
    limit = int((resident_mib("VmData") + LIMIT_MIB) * 2**20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    result: dict[str, Any] = {"rows": rows}
    for name, stage in stages.items():
        forget_highest()
        start = time.perf_counter()
        stage()
        result[name] = {
            "peak growth, MiB": round(resident_mib("VmHWM") - before, 1),
            "seconds": round(time.perf_counter() - start, 2),
        }
    return {**result, "demographic parity difference": held["gap"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=10**7, help="largest number of rows")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "ROWS"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.one:
            kind, rows = options.one
            print(json.dumps(measure(kind, int(rows), Path(folder))))
            return
    found: dict[str, Any] = {}
    for kind, sizes in SIZES.items():
        found[kind] = [
            apart("bench_memory", "--one", kind, rows) for rows in sizes if rows <= options.most
        ]
    write("memory", {"limit above the imports, MiB": LIMIT_MIB, **found})


if __name__ == "__main__":
    main()
