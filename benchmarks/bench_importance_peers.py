"""Group Fisher information side by side with BackPACK, curvlinops, nngeometry and torch.func.

Each peer computes for each group, in a pass of its own, what fairfactor computes for all groups in
one pass: torch.func and BackPACK the row importance under observed labels, nngeometry the one under
the model's own predictive distribution, curvlinops the Kronecker factors. Times are processor
seconds of one thread, in turns with fairfactor; how many times slower a peer is, is the median over
the rounds. A peer that cannot do it is listed with its error.

The peers depend on torchvision, which the CPU build of torch cannot have, so they are installed
without their dependencies, and never into the environment of the project:

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -c constraints.txt torch numpy scipy safetensors tqdm opt_einsum \\
        packaging
    /tmp/peers/bin/pip install --no-deps backpack-for-pytorch==1.7.1 unfoldNd einops einconv \\
        curvlinops-for-pytorch==3.0.1 linear_operator nngeometry==0.4
    OMP_NUM_THREADS=1 PYTHONPATH=src:. /tmp/peers/bin/python -m benchmarks.bench_importance_peers

Without the peers, as in the environment of the project, it says so and does nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from benchmarks.bench_importance import GROUPS, MODELS, median_ratio, processor_seconds
from benchmarks.environment import describe_environment
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from fairfactor.importance import group_fisher, select_layers

RESULT = Path(__file__).parent / "results" / "importance_peers.json"
PEERS = {
    "backpack": "backpack-for-pytorch",
    "curvlinops": "curvlinops-for-pytorch",
    "nngeometry": "nngeometry",
}

Result = dict[str, Tensor]


class Problem:
    """A model with one batch, and its groups one after another."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        self.model, self.inputs = MODELS[name]()
        self.model.eval()
        self.targets = torch.randint(0, 2, (len(self.inputs),))
        self.codes = torch.arange(len(self.inputs)) % GROUPS
        self.layers = select_layers(self.model, "all-linear")

    def groups(self) -> list[tuple[Tensor, Tensor]]:
        rows = [self.codes == code for code in range(GROUPS)]
        return [(self.inputs[row], self.targets[row]) for row in rows]

    def ours(self, **options: Any) -> dict[str, Any]:
        batch = (self.inputs, self.targets, self.codes)
        return group_fisher(self.model, [batch], layers="all-linear", **options)


Candidate = Callable[[Problem], Result]


def row_importance(problem: Problem, labels: str) -> Result:
    found = problem.ours(labels=labels)
    return {name: fisher.row_importance for name, fisher in found.items()}


def kronecker(problem: Problem) -> Result:
    found = problem.ours(statistics=("kronecker",))
    return {name: fisher.output_factor for name, fisher in found.items()}


def torch_func(chunk: int, problem: Problem) -> Result:
    """Per-sample gradients of all parameters, as the tutorial of PyTorch takes them, in chunks."""
    parameters = {name: value.detach() for name, value in problem.model.named_parameters()}

    def loss_of(values: Result, row: Tensor, target: Tensor) -> Tensor:
        outputs = functional_call(problem.model, values, (row[None],))
        return functional.cross_entropy(outputs, target[None])

    sums: Result = {}
    for rows in torch.arange(len(problem.inputs)).split(chunk):
        gradients = vmap(grad(loss_of), in_dims=(None, 0, 0))(
            parameters, problem.inputs[rows], problem.targets[rows]
        )
        for name, layer in problem.layers.items():
            squares = gradients[f"{name}.weight"].square().sum(dim=1)
            total = sums.setdefault(name, torch.zeros(GROUPS, layer.weight.shape[1]))
            total.index_add_(0, problem.codes[rows], squares)
    counts = problem.codes.bincount()[:, None]
    return {name: total / counts for name, total in sums.items()}


def backpack(problem: Problem) -> Result:
    from backpack import backpack as backward_with
    from backpack import extend
    from backpack.extensions import SumGradSquared

    for layer in problem.layers.values():
        extend(layer)
    found: dict[str, list[Tensor]] = {name: [] for name in problem.layers}
    for inputs, targets in problem.groups():
        problem.model.zero_grad()
        loss = functional.cross_entropy(problem.model(inputs), targets, reduction="sum")
        with backward_with(SumGradSquared()):
            loss.backward()
        for name, layer in problem.layers.items():
            found[name].append(layer.weight.sum_grad_squared.sum(dim=0) / len(targets))
    return {name: torch.stack(values) for name, values in found.items()}


def nngeometry(problem: Problem) -> Result:
    from nngeometry.layercollection import LayerCollection
    from nngeometry.metrics import FIM
    from nngeometry.object import PMatDiag
    from torch.utils.data import DataLoader, TensorDataset

    collection = LayerCollection()
    for layer in problem.layers.values():
        collection.add_layer_from_model(problem.model, layer)
    found: dict[str, list[Tensor]] = {name: [] for name in problem.layers}
    for inputs, targets in problem.groups():
        loader = DataLoader(TensorDataset(inputs, targets), batch_size=len(targets))
        matrix = FIM(
            problem.model,
            loader,
            PMatDiag,
            layer_collection=collection,
            variant="classif_logits",
            function=lambda *batch: problem.model(batch[0]),
        )
        diagonal = matrix.get_diag()
        start = 0
        for name, layer in problem.layers.items():
            size = layer.weight.numel()
            weight = diagonal[start : start + size].view(layer.weight.shape)
            found[name].append(weight.sum(dim=0))
            start += size + (0 if layer.bias is None else layer.bias.numel())
    return {name: torch.stack(values) for name, values in found.items()}


def curvlinops(problem: Problem) -> Result:
    """The output factors; of the model's linear layers only."""
    from curvlinops import KFACLinearOperator

    parameters = [layer.weight for layer in problem.layers.values()]
    found: dict[str, list[Tensor]] = {name: [] for name in problem.layers}
    for inputs, targets in problem.groups():
        operator = KFACLinearOperator(
            problem.model,
            nn.CrossEntropyLoss(reduction="sum"),
            parameters,
            [(inputs, targets)],
            fisher_type="empirical",
            check_deterministic=False,
        )
        operator.compute_kronecker_factors()
        for name in problem.layers:
            found[name].append(operator._gradient_covariances[name] / len(targets))
    return {name: torch.stack(values) for name, values in found.items()}


COMPARISONS: dict[str, tuple[Candidate, dict[str, Candidate]]] = {
    "row importance, observed labels": (
        lambda problem: row_importance(problem, "observed"),
        {
            "torch.func, 4 samples at a time": partial(torch_func, 4),
            "torch.func, 16 samples at a time": partial(torch_func, 16),
            "backpack": backpack,
        },
    ),
    "row importance, predicted labels": (
        lambda problem: row_importance(problem, "predicted"),
        {"nngeometry": nngeometry},
    ),
    "Kronecker factors, observed labels": (kronecker, {"curvlinops": curvlinops}),
}


def compare(model: str, ours: Candidate, peer: Candidate, rounds: int) -> Any:
    """Time both in turns, and relate their results."""
    problem, other = Problem(model), Problem(model)
    try:
        expected = peer(other)
    except Exception as error:  # of a foreign package, to be reported
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    found = ours(problem)
    errors = [
        float((found[name] - value).abs().max() / value.abs().max())
        for name, value in expected.items()
    ]
    own, theirs = [], []
    for _ in range(rounds):
        own.append(processor_seconds(lambda: ours(problem)))
        theirs.append(processor_seconds(lambda: peer(other)))
    return {
        "seconds": round(min(theirs), 4),
        "seconds_of_fairfactor": round(min(own), 4),
        "times_slower_than_fairfactor": median_ratio(theirs, own),
        "largest_relative_difference": max(errors),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Not installed: {', '.join(missing)}. The docstring says how to install them.")
        return
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    for model in ("tabular", "bert"):
        for comparison, (ours, peers) in COMPARISONS.items():
            for name, peer in peers.items():
                found = compare(model, ours, peer, options.rounds)
                results.setdefault(model, {}).setdefault(comparison, {})[name] = found
                print(model, comparison, name, found, flush=True)
    versions = {name: version(package) for name, package in PEERS.items()}
    results["environment"] = describe_environment() | versions
    results["environment"]["load_average"] = round(os.getloadavg()[0], 1)
    RESULT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
