"""Group Fisher information against a training step: time, memory, and other ways to get it.

Times are processor seconds of one thread. The candidates take turns over several rounds, and a
ratio is the median of the ratios of the rounds, so that other programs on the machine disturb it
little. Everything runs on the same few batches, one call of ``group_fisher`` for all of them, as
over a data set. Memory is the growth of the peak resident size of a fresh process over what it had
before the work, the median of three. Dropout is off everywhere, which favours the training step.

Per-sample gradients by torch.func are taken in chunks, of the size that is fastest here, either of
the measured weights alone or of all parameters; each chunk is squared and summed by group at once.

    python -m benchmarks.bench_importance
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from benchmarks.environment import describe_environment
from benchmarks.measure import (
    Step,
    forget_highest,
    median_ratio,
    processor_seconds,
    race,
    resident_mib,
)
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from fairfactor.importance import GroupFisher, group_fisher, select_layers

RESULT = Path(__file__).parent / "results" / "importance.json"
GROUPS = 4


class Block(nn.Module):
    """A transformer block as in BERT: six linear layers, normalised after each residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(-3, -2)
            for layer in (self.query, self.key, self.value)
        )
        weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
        mixed = (weights @ v).transpose(-3, -2).flatten(start_dim=-2)
        x = self.first_norm(x + self.output(mixed))
        return self.second_norm(x + self.down(functional.gelu(self.up(x))))


class Bert(nn.Module):
    """Six blocks of width 384 with pooler and classifier: 38 linear layers."""

    def __init__(self, width: int = 384, heads: int = 12, positions: int = 128) -> None:
        super().__init__()
        self.tokens = nn.Embedding(30522, width)
        self.positions = nn.Parameter(torch.randn(positions, width) * 0.02)
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(6)))
        self.pooler, self.classifier = nn.Linear(width, width), nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.blocks(self.norm(self.tokens(tokens) + self.positions))
        return self.classifier(torch.tanh(self.pooler(x[..., 0, :])))


def bert() -> tuple[nn.Module, Tensor]:
    return Bert(), torch.randint(0, 30522, (16, 128))


def tabular() -> tuple[nn.Module, Tensor]:
    sizes = (100, 512, 512, 256)
    hidden = [
        layer
        for before, after in pairwise(sizes)
        for layer in (nn.Linear(before, after), nn.ReLU())
    ]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], 2)), torch.randn(4096, 100)


class Residual(nn.Module):
    """A residual block of two 3 × 3 convolutions, as in ResNet-18."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.first_norm, self.second_norm = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(hidden)) + self.shortcut(x))


def residual() -> tuple[nn.Module, Tensor]:
    widths = (64, 64, 128, 256, 512)
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)]
    blocks = [
        block
        for before, after in pairwise(widths)
        for block in (Residual(before, after, 1 + (after > before)), Residual(after, after, 1))
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 2)]
    return nn.Sequential(*stem, *blocks, *head), torch.randn(8, 3, 96, 96)


def convolutional() -> tuple[nn.Module, Tensor]:
    widths = (3, 32, 64, 128)
    hidden = [
        layer
        for before, after in pairwise(widths)
        for layer in (nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 2)]
    return nn.Sequential(*hidden, *head), torch.randn(32, 3, 32, 32)


MODELS = {
    "bert": bert,
    "tabular": tabular,
    "convolutional": convolutional,
    "residual": residual,
}
BATCHES = {"bert": 4, "tabular": 4, "convolutional": 8, "residual": 2}
CHUNKS = (2, 4, 16, 32)
_MEMORY_RUNS = 3


class Problem:
    """A model with one batch, which serves several times, and the candidates."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        self.model, self.inputs = MODELS[name]()
        self.model.eval()
        number = len(self.inputs)
        self.targets, self.groups = torch.randint(0, 2, (number,)), torch.arange(number) % GROUPS
        self.batches = BATCHES[name]
        self.layers = "all-linear" if name in {"bert", "tabular"} else "*"
        self.weights = {
            f"{key}.weight": layer.weight
            for key, layer in select_layers(self.model, self.layers).items()
        }

    def training_step(self) -> None:
        for _ in range(self.batches):
            self.model.zero_grad()
            functional.cross_entropy(self.model(self.inputs), self.targets).backward()

    def forward(self) -> None:
        with torch.no_grad():
            for _ in range(self.batches):
                self.model(self.inputs)

    def fisher(self, layers: str) -> dict[str, GroupFisher]:
        batch = (self.inputs, self.targets, self.groups)
        return group_fisher(self.model, [batch] * self.batches, layers=layers)

    def accumulate(self, sums: dict[str, Tensor], gradients: dict[str, Tensor], codes: Tensor):
        for key in self.weights:
            rows = gradients[key].square().sum(dim=1).reshape(len(codes), -1)
            total = sums.setdefault(key, torch.zeros(GROUPS, rows.shape[1]))
            total.index_add_(0, codes, rows)

    def loop(self) -> dict[str, Tensor]:
        sums: dict[str, Tensor] = {}
        for _ in range(self.batches):
            for index in range(len(self.inputs)):
                row = slice(index, index + 1)
                loss = functional.cross_entropy(self.model(self.inputs[row]), self.targets[row])
                found = torch.autograd.grad(loss, list(self.weights.values()))
                gradients = {key: g[None] for key, g in zip(self.weights, found, strict=True)}
                self.accumulate(sums, gradients, self.groups[row])
        return sums

    def vectorised(self, chunk: int, *, all_parameters: bool) -> dict[str, Tensor]:
        chosen = dict(self.model.named_parameters()) if all_parameters else self.weights
        detached = {key: value.detach() for key, value in chosen.items()}

        def loss_of(values: dict[str, Tensor], row: Tensor, target: Tensor) -> Tensor:
            outputs = functional_call(self.model, values, (row[None],))
            return functional.cross_entropy(outputs, target[None])

        sums: dict[str, Tensor] = {}
        for _ in range(self.batches):
            for rows in torch.arange(len(self.inputs)).split(chunk):
                gradients = vmap(grad(loss_of), in_dims=(None, 0, 0))(
                    detached, self.inputs[rows], self.targets[rows]
                )
                self.accumulate(sums, gradients, self.groups[rows])
                gc.collect(1)  # the gradients are held in reference cycles
        return sums

    def candidates(self) -> dict[str, Step]:
        steps: dict[str, Step] = {
            "training_step": self.training_step,
            "forward": self.forward,
            "group_fisher_all": lambda: self.fisher(self.layers),
            "group_fisher_head": lambda: self.fisher("head"),
            "loop_over_samples": self.loop,
        }
        for chunk in CHUNKS:
            if chunk <= len(self.inputs):
                steps[f"vmap_grad_{chunk}"] = partial(self.vectorised, chunk, all_parameters=False)
                steps[f"vmap_grad_all_parameters_{chunk}"] = partial(
                    self.vectorised, chunk, all_parameters=True
                )
        return steps


def fastest_chunks(candidates: dict[str, Step]) -> dict[str, Step]:
    """Keep the fastest chunk size of each kind of per-sample gradients, of two tries each."""
    kept = {name: step for name, step in candidates.items() if "vmap" not in name}
    for kind in ("vmap_grad", "vmap_grad_all_parameters"):
        sizes = [name for name in candidates if name.rpartition("_")[0] == kind]
        seconds = {
            name: min(processor_seconds(candidates[name]) for _ in range(2)) for name in sizes
        }
        best = min(seconds, key=seconds.__getitem__)
        kept[best] = candidates[best]
    return kept


def memory_growth(model: str, candidate: str) -> float:
    """Run one candidate once in this process and return the growth of its peak memory in MiB."""
    torch.set_num_threads(1)
    step = Problem(model).candidates()[candidate]
    forget_highest()
    before = resident_mib("VmRSS")
    step()
    return resident_mib("VmHWM") - before


def memory_growth_apart(model: str, candidate: str) -> float:
    """Growth in fresh processes, the median of some: an allocator may keep more in one."""
    command = [sys.executable, "-m", "benchmarks.bench_importance", "--memory", model, candidate]
    return median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(_MEMORY_RUNS)
    )


def compare(model: str, rounds: int) -> dict[str, Any]:
    """Measure all candidates on one model, and relate them to the training step."""
    problem = Problem(model)
    candidates = fastest_chunks(problem.candidates())
    seconds = race(candidates, rounds)
    memory = {name: memory_growth_apart(model, name) for name in candidates}
    exact, ours = problem.loop(), problem.fisher(problem.layers)
    errors = []
    for name, found in ours.items():
        expected = exact[f"{name}.weight"] / found.counts[:, None]
        error = (found.row_importance - expected).abs().max() / expected.abs().max()
        errors.append(float(error))
    peers = [name for name in candidates if "vmap" in name]
    return {
        "processor_seconds_least": {name: round(min(found), 4) for name, found in seconds.items()},
        "peak_memory_growth_mib": {name: round(value, 1) for name, value in memory.items()},
        "time_over_training_step": {
            name: median_ratio(found, seconds["training_step"]) for name, found in seconds.items()
        },
        "memory_over_training_step": {
            name: round(value / memory["training_step"], 3) for name, value in memory.items()
        },
        "head_time_over_forward": median_ratio(seconds["group_fisher_head"], seconds["forward"]),
        "times_slower_than_group_fisher_all": {
            name: median_ratio(seconds[name], seconds["group_fisher_all"]) for name in peers
        },
        "layers": len(ours),
        "rounds": rounds,
        "load_average": round(os.getloadavg()[0], 1),
        "largest_error_against_loop": max(errors),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--memory", nargs=2, metavar=("MODEL", "CANDIDATE"))
    options = parser.parse_args()
    if options.memory:
        print(memory_growth(*options.memory))
        return
    torch.set_num_threads(1)
    results: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for model in options.models:
        results[model] = compare(model, options.rounds)
        results["environment"] = describe_environment()
        RESULT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(model, json.dumps(results[model], indent=1), flush=True)


if __name__ == "__main__":
    main()
