"""Group Fisher information against a training step: time, memory, and other ways to get it.

Times are processor seconds of one thread, the least of several rounds in which the candidates take
turns, so that other programs on the machine disturb them little. Memory is the growth of the peak
resident size of a fresh process over what it had before the work. Dropout is off everywhere, which
favours the training step.

    python -m benchmarks.bench_importance
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from benchmarks.environment import describe_environment
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from fairfactor.importance import group_fisher, select_layers

RESULT = Path(__file__).parent / "results" / "importance.json"
GROUPS = 4
Step = Callable[[], object]


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


def convolutional() -> tuple[nn.Module, Tensor]:
    widths = (3, 32, 64, 128)
    hidden = [
        layer
        for before, after in pairwise(widths)
        for layer in (nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 2)]
    return nn.Sequential(*hidden, *head), torch.randn(32, 3, 32, 32)


MODELS = {"bert": bert, "tabular": tabular, "convolutional": convolutional}


def steps(name: str) -> dict[str, Step]:
    """Build the candidates for one model and one batch."""
    torch.manual_seed(0)
    model, inputs = MODELS[name]()
    model.eval()
    number = len(inputs)
    targets, groups = torch.randint(0, 2, (number,)), torch.arange(number) % GROUPS
    layers = "*" if name == "convolutional" else "all-linear"
    weights = {f"{key}.weight": layer.weight for key, layer in select_layers(model, layers).items()}

    def training_step() -> None:
        model.zero_grad()
        functional.cross_entropy(model(inputs), targets).backward()

    def forward() -> None:
        with torch.no_grad():
            model(inputs)

    def accumulate(sums: dict[str, Tensor], gradients: dict[str, Tensor], codes: Tensor) -> None:
        for key, gradient in gradients.items():
            rows = gradient.square().sum(dim=1).reshape(len(codes), -1)
            total = sums.setdefault(key, torch.zeros(GROUPS, rows.shape[1]))
            total.index_add_(0, codes, rows)

    def loop() -> dict[str, Tensor]:
        sums: dict[str, Tensor] = {}
        for index in range(number):
            loss = functional.cross_entropy(
                model(inputs[index : index + 1]), targets[index : index + 1]
            )
            found = torch.autograd.grad(loss, list(weights.values()))
            gradients = {key: value[None] for key, value in zip(weights, found, strict=True)}
            accumulate(sums, gradients, groups[index : index + 1])
        return sums

    def loss_of(values: dict[str, Tensor], row: Tensor, target: Tensor) -> Tensor:
        outputs = functional_call(model, values, (row[None],))
        return functional.cross_entropy(outputs, target[None])

    def vectorised() -> dict[str, Tensor]:
        sums: dict[str, Tensor] = {}
        detached = {key: value.detach() for key, value in weights.items()}
        for rows in torch.arange(number).split(16 if name == "bert" else 32):
            gradients = vmap(grad(loss_of), in_dims=(None, 0, 0))(
                detached, inputs[rows], targets[rows]
            )
            accumulate(sums, gradients, groups[rows])
        return sums

    batch = (inputs, targets, groups)
    return {
        "training_step": training_step,
        "forward": forward,
        "group_fisher_all": lambda: group_fisher(model, [batch], layers=layers),
        "group_fisher_head": lambda: group_fisher(model, [batch]),
        "vmap_grad": vectorised,
        "loop_over_samples": loop,
    }


def race(candidates: dict[str, Step], rounds: int) -> dict[str, float]:
    """Return the least processor seconds of each candidate; the slow ones run fewer rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for index in range(rounds + 1):
        for name, step in candidates.items():
            if name in {"vmap_grad", "loop_over_samples"} and index > 2:
                continue
            start = time.thread_time()
            step()
            if index:  # the first round warms up
                seconds[name].append(time.thread_time() - start)
    return {name: min(values) for name, values in seconds.items()}


def resident_mib(entry: str) -> float:
    """Read VmRSS (now) or VmHWM (highest) of this process; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 1024


def memory_growth(model: str, candidate: str) -> float:
    """Run one candidate once in this process and return the growth of its peak memory in MiB."""
    torch.set_num_threads(1)
    step = steps(model)[candidate]
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest value so far
    before = resident_mib("VmRSS")
    step()
    return resident_mib("VmHWM") - before


def memory_growth_apart(model: str, candidate: str) -> float:
    command = [sys.executable, "-m", "benchmarks.bench_importance", "--memory", model, candidate]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def compare(model: str, rounds: int) -> dict[str, Any]:
    """Measure all candidates on one model, and relate them to the training step."""
    candidates = steps(model)
    seconds = race(candidates, rounds)
    memory = {name: memory_growth_apart(model, name) for name in candidates}
    exact, ours = candidates["loop_over_samples"](), candidates["group_fisher_all"]()
    assert isinstance(exact, dict)
    assert isinstance(ours, dict)
    errors = []
    for name, found in ours.items():
        expected = exact[f"{name}.weight"] / found.counts[:, None]
        error = (found.row_importance - expected).abs().max() / expected.abs().max()
        errors.append(float(error))
    result: dict[str, Any] = {
        "processor_seconds": {name: round(value, 4) for name, value in seconds.items()},
        "peak_memory_growth_mib": {name: round(value, 1) for name, value in memory.items()},
        "time_over_training_step": {
            name: round(value / seconds["training_step"], 3) for name, value in seconds.items()
        },
        "memory_over_training_step": {
            name: round(value / memory["training_step"], 3) for name, value in memory.items()
        },
        "head_time_over_forward": round(seconds["group_fisher_head"] / seconds["forward"], 3),
        "layers": len(ours),
        "largest_error_against_loop": max(errors),
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--memory", nargs=2, metavar=("MODEL", "CANDIDATE"))
    options = parser.parse_args()
    if options.memory:
        print(memory_growth(*options.memory))
        return
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    for model in MODELS:
        results[model] = compare(model, options.rounds)
        print(model, json.dumps(results[model], indent=1), flush=True)
    results["environment"] = describe_environment()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
