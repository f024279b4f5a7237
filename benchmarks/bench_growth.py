"""How the time of each box grows with rows, width, layers, groups, tokens and rank.

Times are the least processor seconds of one thread over some rounds. An exponent is the slope
between the two largest sizes on log scales: 0 is flat, 1 linear. An alternative runs in the same
rounds, so that its ratio holds on other machines.

    python -m benchmarks.bench_growth
    python -m benchmarks.bench_growth "Fisher over groups"
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from benchmarks.measure import RESULTS, Step, growth_exponent, median_ratio, race, write
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.factorization import factorize
from fairfactor.fairness import confusion_counts, fairness_metrics
from fairfactor.importance import group_fisher
from fairfactor.mitigation.gap_penalty import GapPenalty
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.running_gap_penalty import RunningGapPenalty
from fairfactor.neutralization import neutralize

GROUPS = (2, 10, 50, 200)
ROWS = (10**3, 10**4, 10**5, 10**6, 10**7)
BATCH = 4096


def network(*widths: int) -> nn.Sequential:
    torch.manual_seed(0)
    hidden = [
        layer
        for before, after in pairwise(widths[:-1])
        for layer in (nn.Linear(before, after), nn.ReLU())
    ]
    return nn.Sequential(*hidden, nn.Linear(*widths[-2:])).eval()


@dataclass
class Repeated:
    """Batches of the same rows over and over, up to a number of rows."""

    inputs: Tensor
    labels: Tensor
    codes: Tensor
    rows: int

    @classmethod
    def of(cls, rows: int, *shape: int, groups: int = 4, batch: int = BATCH) -> Repeated:
        size = min(rows, batch)
        generator = torch.Generator().manual_seed(1)
        inputs = torch.randn(size, *shape, generator=generator)
        labels = torch.randint(2, (size,), generator=generator)
        return cls(inputs, labels, torch.arange(size) % groups, rows)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for start in range(0, self.rows, len(self.labels)):
            part = slice(0, self.rows - start)
            yield self.inputs[part], self.labels[part], self.codes[part]


def fisher(model: nn.Module, batches: Repeated, layers: str = "all-linear") -> Step:
    return lambda: group_fisher(model, batches, layers=layers)


def training_pass(model: nn.Module, batches: Repeated) -> Step:
    def run() -> None:
        for inputs, labels, _ in batches:
            model.zero_grad()
            functional.cross_entropy(model(inputs), labels).backward()

    return run


def pass_per_group(model: nn.Module, batches: Repeated) -> Step:
    """One pass over all rows for each group."""

    def run() -> None:
        for code in range(int(batches.codes.max()) + 1):
            only = torch.where(batches.codes == code, 0, -1)
            rows = Repeated(batches.inputs, batches.labels, only, batches.rows)
            group_fisher(model, rows, layers="all-linear")

    return run


def fisher_and_pass(model: nn.Module, batches: Repeated) -> dict[str, Step]:
    return {"ours": fisher(model, batches), "a training pass": training_pass(model, batches)}


def over_groups(groups: int) -> dict[str, Step]:
    batches, model = Repeated.of(BATCH, 256, groups=groups), network(256, 256, 256, 2)
    steps = fisher_and_pass(model, batches)
    if groups <= 10:
        steps["one pass for each group"] = pass_per_group(model, batches)
    return steps


class Tokens(nn.Module):
    """Linear layers on every token, averaged over tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.head = nn.Linear(width, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.second(functional.gelu(self.first(inputs)))
        return self.head((inputs + hidden).mean(dim=1))


def neutralization(groups: int) -> dict[str, Step]:
    importance = torch.rand(groups, 4096, dtype=torch.float64)
    return {"ours": lambda: neutralize(importance)}


def factorization(width: int, rank: int, *, full: bool = False) -> dict[str, Step]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(width, width, generator=generator)
    metric = 1 / torch.arange(1, width + 1, dtype=torch.float64)
    if full:
        samples = torch.randn(2 * width, width, generator=generator, dtype=torch.float64)
        metric = samples.T @ samples / len(samples)
    return {
        "ours": lambda: factorize(weight, rank, input_metric=metric),
        "plain SVD in float64": lambda: torch.linalg.svd(weight.double(), full_matrices=False),
    }


def penalised_step(groups: int) -> dict[str, Step]:
    batches, model = Repeated.of(512, 64, groups=groups), network(64, 128, 64, 2)
    penalty = RunningGapPenalty(rate_family("equalized_odds", 2), groups)

    def step() -> None:
        for inputs, labels, codes in batches:
            model.zero_grad()
            logits = model(inputs)
            gap = penalty(logits.softmax(dim=1), labels, codes)
            (functional.cross_entropy(logits, labels) + gap).backward()

    return {"ours": step, "a training pass": training_pass(model, batches)}


def penalised_head(rows: int, groups: int) -> dict[str, Step]:
    """A value and gradient of the loss of the last layer, all rows at once."""
    batches, layer = Repeated.of(rows, 64, groups=groups, batch=rows), nn.Linear(64, 2)
    labels, codes = batches.labels, batches.codes
    penalty = GapPenalty(rate_family("equalized_odds", 2), labels, codes, groups)

    def step() -> None:
        logits = layer(batches.inputs)
        loss = functional.cross_entropy(logits, labels)
        (loss + penalty(logits.softmax(dim=1))).backward()

    return {"ours": step, "a training pass": training_pass(layer, batches)}


def evaluation(rows: int, groups: int, *, against: bool = False) -> dict[str, Step]:
    """Every metric of some rows, in parts of at most a million."""
    size = min(rows, 10**6)
    generator = torch.Generator().manual_seed(2)
    true, predicted = (torch.randint(2, (size,), generator=generator).numpy() for _ in "ab")
    codes = torch.randint(groups, (size,), generator=generator).numpy()

    def count() -> None:
        for _ in range(rows // size - 1):
            confusion_counts(true, predicted, codes, n_classes=2)
        fairness_metrics(true, predicted, codes, n_classes=2)

    steps: dict[str, Step] = {"ours": count}
    if against:
        from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate

        rates = {"tpr": true_positive_rate, "fpr": false_positive_rate}
        steps["two rates by fairlearn"] = lambda: (
            MetricFrame(
                metrics=rates, y_true=true, y_pred=predicted, sensitive_features=codes
            ).by_group
        )
    return steps


@dataclass(frozen=True)
class Curve:
    """What is measured at which sizes; ``rounds`` beyond the first, which warms up."""

    sizes: Sequence[int]
    steps: Callable[[int], dict[str, Step]]
    rounds: int = 5
    note: str = ""


CURVES: dict[str, Curve] = {
    "Fisher over rows": Curve(
        ROWS,
        lambda n: fisher_and_pass(network(16, 64, 2), Repeated.of(n, 16)),
        rounds=1,
        note="a network 16-64-2, 4 groups",
    ),
    "Fisher over width": Curve(
        (128, 256, 512, 1024),
        lambda d: fisher_and_pass(network(d, d, d, 2), Repeated.of(512, d)),
        note="two layers width × width, 512 rows",
    ),
    "Fisher over layers": Curve(
        (2, 4, 8, 16),
        lambda n: fisher_and_pass(network(*[256] * (n + 1), 2), Repeated.of(512, 256)),
        note="layers 256 × 256, 512 rows",
    ),
    "Fisher over groups": Curve(GROUPS, over_groups, note="layers 256 × 256, 4,096 rows"),
    "Fisher over tokens": Curve(
        (16, 64, 256, 512),
        lambda t: fisher_and_pass(Tokens(128), Repeated.of(16, t, 128)),
        note="layers 128 × 512 × 128 on each token, 16 samples",
    ),
    "Neutralising over groups": Curve(GROUPS, neutralization, note="4,096 inputs"),
    "Factorising over width": Curve(
        (128, 256, 512, 1024),
        lambda d: factorization(d, d // 8),
        rounds=2,
        note="rank a eighth of the width, diagonal metric",
    ),
    "Factorising over width, full metric": Curve(
        (128, 256, 512, 1024), lambda d: factorization(d, d // 8, full=True), rounds=2
    ),
    "Factorising over rank": Curve(
        (8, 32, 128, 512), lambda r: factorization(768, r), rounds=2, note="768 × 768"
    ),
    "Training step over groups": Curve(
        GROUPS, penalised_step, rounds=15, note="running gap penalty, 512 rows, 64-128-64-2"
    ),
    "Last layer over groups": Curve(
        GROUPS, lambda g: penalised_head(20_000, g), note="gap penalty, 20,000 rows, 64 features"
    ),
    "Last layer over rows": Curve(
        ROWS[:-1], lambda n: penalised_head(n, 2), rounds=2, note="gap penalty, 64 features"
    ),
    "Evaluation over rows": Curve(
        ROWS,
        lambda n: evaluation(n, 4, against=n == 10**5),
        rounds=2,
        note="twelve metrics, 4 groups",
    ),
    "Evaluation over groups": Curve(
        GROUPS,
        lambda g: evaluation(10**5, g, against=g <= 50),
        rounds=3,
        note="twelve metrics, 100,000 rows",
    ),
}


def measure(curve: Curve) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {}
    ratios: dict[str, dict[str, float]] = {}
    for size in curve.sizes:
        found = race(curve.steps(size), curve.rounds)
        for name, times in found.items():
            seconds.setdefault(name, []).append(float(f"{min(times):.3g}"))
            if name != "ours":
                ratios.setdefault(name, {})[str(size)] = median_ratio(times, found["ours"])
    return {
        "note": curve.note,
        "sizes": list(curve.sizes),
        "processor seconds": seconds,
        "exponent": growth_exponent(curve.sizes, seconds["ours"]),
        "largest over smallest": round(seconds["ours"][-1] / seconds["ours"][0], 2),
        "alternative over ours": ratios,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("curves", nargs="*", choices=[[], *CURVES], help="default: all")
    names = parser.parse_args().curves or list(CURVES)
    torch.set_num_threads(1)
    path = RESULTS / "growth.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in names:
        result[name] = measure(CURVES[name])
        print(name, json.dumps(result[name]), flush=True)
        write("growth", {key: result[key] for key in CURVES if key in result})


if __name__ == "__main__":
    main()
