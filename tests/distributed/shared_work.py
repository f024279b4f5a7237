"""Work that processes share: ``python shared_work.py RANK NUMBER FOLDER``.

Each process works on every NUMBER-th row. The last one has no row of the last group.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fake_extractor import FakeExtractor
from joining import join
from safetensors.torch import save_file
from small_data import NUMBER, classes_and_groups, split_batches, token_inputs
from small_models import TokenClassifier, deep_mlp
from torch import Tensor, distributed, nn
from torch.nn import functional

from fairfactor.distributed import Processes
from fairfactor.errors import FairfactorError
from fairfactor.fairness import confusion_counts
from fairfactor.feature_extraction.cache import FeatureCache
from fairfactor.groups import Groups
from fairfactor.importance import group_fisher, input_moments
from fairfactor.mitigation.gap_penalty import GapPenalty
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.running_gap_penalty import RunningGapPenalty
from fairfactor.mitigation.streamed_penalty import streamed_penalty_path

VALUES = [f"{i:04d}" for i in range(20)]
STATISTICS = ("diagonal", "input_matrix", "kronecker")


def own_rows(processes: Processes, groups: Tensor) -> Tensor:
    """Rows of this process; the last process leaves those of group 2 to the first."""
    rows = torch.arange(len(groups))
    places = rows % processes.number
    places[groups == 2] = 0
    return rows[places == processes.rank]


def own_batches(processes: Processes, inputs: Any, labels: Tensor, groups: Tensor) -> list[Any]:
    rows = own_rows(processes, groups)

    def take(value: Any) -> Any:
        return {k: v[rows] for k, v in value.items()} if isinstance(value, dict) else value[rows]

    parts = (take(part) for part in (inputs, labels, groups))
    return split_batches(*parts, size=3 + processes.rank)


def fields(record: Any) -> dict[str, Tensor]:
    return {key: value for key, value in vars(record).items() if isinstance(value, Tensor)}


def fisher_of_transformer(processes: Processes) -> dict[str, Tensor]:
    torch.manual_seed(0)
    model, inputs = TokenClassifier().eval(), token_inputs()
    batches = own_batches(processes, inputs, *classes_and_groups())
    found = group_fisher(
        model, batches, layers="all-linear", statistics=STATISTICS, processes=processes
    )
    return {f"{n}.{key}": v for n, layer in found.items() for key, v in fields(layer).items()}


def fisher_in_float64(processes: Processes) -> dict[str, Tensor]:
    torch.manual_seed(1)
    model = deep_mlp().double()
    batches = own_batches(processes, torch.randn(NUMBER, 6).double(), *classes_and_groups())
    found = group_fisher(
        model, batches, layers="all-linear", statistics=STATISTICS, processes=processes
    )
    return {f"{n}.{key}": v for n, layer in found.items() for key, v in fields(layer).items()}


def only_the_first_has_batches(processes: Processes) -> dict[str, Tensor]:
    torch.manual_seed(2)
    model, inputs = deep_mlp(), torch.randn(NUMBER, 6)
    batches = split_batches(inputs, *classes_and_groups(), size=4) if not processes.rank else []
    fisher = group_fisher(model, batches, processes=processes)["4"]
    moments = input_moments(model, batches, processes=processes)["4"]
    return {**fields(fisher), **{f"moments.{k}": v for k, v in fields(moments).items()}}


def moments(processes: Processes) -> dict[str, Tensor]:
    torch.manual_seed(3)
    model = deep_mlp().double()
    batches = own_batches(processes, torch.randn(NUMBER, 6).double(), *classes_and_groups())
    return fields(input_moments(model, batches, layers="2", processes=processes)["2"])


def counts(processes: Processes) -> dict[str, Tensor]:
    labels, groups = classes_and_groups()
    rows = own_rows(processes, groups)
    codes = groups[rows].numpy()
    true, predicted = labels[rows].numpy(), (labels.flip(0)[rows] + 1).numpy() % 3
    here = slice(None) if processes.rank == 0 else slice(0)
    first = (labels.numpy()[here], labels.numpy()[here], groups.numpy()[here])
    found = {
        "codes": confusion_counts(true, predicted, codes, processes=processes),
        "names": confusion_counts(
            true, predicted, Groups(codes, ("a", "b", "c")), n_classes=4, processes=processes
        ),
        "only the first": confusion_counts(*first, processes=processes),
    }
    return {key: torch.from_numpy(value.cells) for key, value in found.items()}


def average(processes: Processes, gradient: Tensor) -> Tensor:
    processes.sum([gradient])
    return gradient / processes.number


def penalties(processes: Processes) -> dict[str, Tensor]:
    """Values and gradients, averaged over the processes as DistributedDataParallel does."""
    torch.manual_seed(4)
    layer = nn.Linear(6, 3).double()
    inputs, (labels, groups) = torch.randn(NUMBER, 6).double(), classes_and_groups()
    family = rate_family("equalized_odds", 3)
    rows = own_rows(processes, groups)
    penalty = GapPenalty(family, labels[rows], groups[rows], 3, processes)
    penalty.hits, penalty.shares = penalty.hits.double(), penalty.shares.double()
    value = penalty(layer(inputs[rows]).softmax(dim=1))
    found = {"value": value.detach()}
    [gradient] = torch.autograd.grad(value, [layer.weight])
    found["gradient"] = average(processes, gradient)
    running = RunningGapPenalty(family, 3, processes=processes)
    for step, batch in enumerate(torch.arange(NUMBER).split(5)):
        own = batch[torch.isin(batch, rows)]
        value = running(layer(inputs[own]).softmax(dim=1), labels[own], groups[own])
        [gradient] = torch.autograd.grad(value, [layer.weight])
        found[f"running value {step}"] = value.detach()
        found[f"running gradient {step}"] = average(processes, gradient)
    return found


def streamed_penalty(processes: Processes) -> dict[str, Tensor]:
    torch.manual_seed(5)
    inputs, (labels, groups) = torch.randn(NUMBER, 4).double(), classes_and_groups()
    rows = own_rows(processes, groups)
    own = [part[rows].split(2) for part in (inputs, labels, groups)]
    path = streamed_penalty_path(
        lambda: zip(*own, strict=True),
        rate_family("equalized_odds", 3),
        3,
        3,
        (0.0, 1.0),
        weight_penalty=0.1,
        processes=processes,
    )
    return {
        f"{name} {step}": value.detach()
        for step, layer in enumerate(path)
        for name, value in layer.named_parameters()
    }


def features(processes: Processes, folder: Path) -> dict[str, Tensor]:
    extractor = FakeExtractor()
    cache = FeatureCache(folder / "features", shard_rows=2)
    found = cache.features(extractor, VALUES, processes=processes)
    computed = torch.tensor([int(value) for value in extractor.computed])
    everybody = torch.zeros(len(VALUES), dtype=torch.int64)
    everybody[computed] += 1
    processes.sum([everybody])
    return {"features": found, "computed here": computed, "times computed": everybody}


WORK: tuple[Callable[[Processes], dict[str, Tensor]], ...] = (
    fisher_of_transformer,
    fisher_in_float64,
    only_the_first_has_batches,
    moments,
    counts,
    penalties,
    streamed_penalty,
)


def wrong_code(processes: Processes) -> object:
    groups = torch.tensor([0, 1]) - 5 * processes.rank
    return group_fisher(
        deep_mlp(), [(torch.randn(2, 6), torch.tensor([0, 1]), groups)], processes=processes
    )


def other_names(processes: Processes) -> object:
    groups = Groups(np.array([0, 1]), ("a", f"b{processes.rank}"))
    return confusion_counts([0, 1], [0, 1], groups, processes=processes)


def nobody_has_a_group(processes: Processes) -> object:
    names = ("a", "b", "c")
    batches = own_batches(processes, torch.randn(NUMBER, 6), *classes_and_groups())
    batches = [(x, y, g.where(g != 2, -1)) for x, y, g in batches]
    return group_fisher(deep_mlp(), batches, group_names=names, processes=processes)


def never_called(processes: Processes) -> object:
    model = deep_mlp()
    model.spare = nn.Linear(2, 2)
    forward = lambda model, x: functional.linear(model[:4](x), model[4].weight)  # noqa: E731
    batches = own_batches(processes, torch.randn(NUMBER, 6), *classes_and_groups())
    return group_fisher(model, batches, layers=["2", "spare"], forward=forward, processes=processes)


def late(processes: Processes) -> object:
    """The last process does not answer within the timeout."""
    group = distributed.new_group(timeout=timedelta(seconds=1))
    if processes.rank == processes.number - 1:
        time.sleep(2)
        return None
    return confusion_counts([0, 1], [0, 1], [0, 1], processes=Processes(group))


MISTAKES: tuple[Callable[[Processes], object], ...] = (
    wrong_code,
    other_names,
    nobody_has_a_group,
    never_called,
    late,
)


def errors(processes: Processes) -> Iterator[tuple[str, list[str]]]:
    for work in MISTAKES:
        found = ["", ""]
        try:
            work(processes)
        except FairfactorError as error:
            found = [type(error).__name__, str(error)]
        yield work.__name__, found


class LostExtractor(FakeExtractor):
    """Ends the process at the second shard of this process."""

    def features(self, values):
        if len(self.computed) >= 2:
            os._exit(7)
        return super().features(values)


def lost(processes: Processes, folder: Path) -> list[str]:
    """The last process is ended in the middle of the work."""
    last = processes.rank == processes.number - 1
    extractor = LostExtractor() if last else FakeExtractor()
    try:
        FeatureCache(folder / "lost", shard_rows=2).features(extractor, VALUES, processes=processes)
    except FairfactorError as error:
        return [type(error).__name__, str(error)]
    return ["", ""]


def main(rank: int, number: int, folder: Path) -> None:
    processes = join(rank, number, folder)
    found = {f"{work.__name__}.{k}": v for work in WORK for k, v in work(processes).items()}
    found |= {f"features.{key}": value for key, value in features(processes, folder).items()}
    save_file({k: v.contiguous().clone() for k, v in found.items()}, folder / f"{rank}.safetensors")
    (folder / f"errors {rank}.json").write_text(json.dumps(dict(errors(processes))))
    (folder / f"lost {rank}.json").write_text(json.dumps(lost(processes, folder)))
    os._exit(0)  # the group cannot be left in order any more


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
