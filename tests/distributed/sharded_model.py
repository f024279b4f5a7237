"""A small transformer sharded by FSDP2: ``python sharded_model.py RANK NUMBER FOLDER``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from joining import join
from safetensors.torch import save_file
from torch import Tensor, distributed, nn
from torch.distributed.fsdp import fully_shard
from torch.nn import functional

from fairfactor.distributed import ALONE, Processes
from fairfactor.errors import FairfactorError
from fairfactor.importance import group_fisher, input_moments
from fairfactor.rank import ParameterBudget, RankFraction
from fairfactor.weighting import BiasAware, FullNeutralized, Kronecker, Neutralized
from fairfactor.whole_model import factorize_layers, factorize_model

WIDTH = 12
NUMBER = 22


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        shares = (self.query(x) @ self.key(x).mT / WIDTH**0.5).softmax(dim=-1)
        x = self.norm(x + shares @ self.value(x))
        return x + self.down(functional.gelu(self.up(x)))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(17, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(3)))
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.blocks(self.embedding(tokens))[:, 0])


def build(*, sharded: bool, dtype: torch.dtype = torch.float32) -> Transformer:
    torch.manual_seed(0)
    model = Transformer().eval().to(dtype)
    if sharded:
        for block in model.blocks:
            fully_shard(block)
        fully_shard(model)
    return model


def batches(processes: Processes, size: int = 4) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Rows of this process; with two, the first has four batches, the other three, of group 0."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(17, (NUMBER, 5), generator=generator)
    labels, groups = torch.arange(NUMBER) % 3, torch.arange(NUMBER) % 2
    groups[3], groups[13:] = -1, 0
    rows = slice(None) if processes.number == 1 else [slice(13), slice(13, None)][processes.rank]
    parts = (part[rows].split(size) for part in (tokens, labels, groups))
    return list(zip(*parts, strict=True))


def fields(record: Any, *names: str) -> dict[str, Tensor]:
    return {k: v for k, v in vars(record).items() if isinstance(v, Tensor) and k not in names}


def fisher(processes: Processes) -> dict[str, Tensor]:
    model = build(sharded=processes.number > 1)
    found = group_fisher(
        model,
        batches(processes),
        layers="all-linear",
        statistics=("diagonal", "input_matrix", "kronecker"),
        processes=processes,
    )
    return {f"{n}.{key}": v for n, layer in found.items() for key, v in fields(layer).items()}


def moments(processes: Processes) -> dict[str, Tensor]:
    model = build(sharded=processes.number > 1)
    found = input_moments(
        model, batches(processes), layers=["head", "blocks.1.up"], processes=processes
    )
    return {f"{n}.{key}": v for n, layer in found.items() for key, v in fields(layer).items()}


def factors(processes: Processes) -> dict[str, Tensor]:
    """Products of the factors, and the numbers that come with them."""
    found = {}
    for name, weighting, rank in (
        ("diagonal", Neutralized(), RankFraction(0.25)),
        ("budget", Neutralized(), ParameterBudget(1500)),
        ("full", FullNeutralized(), 3),
        ("kronecker", Kronecker(), 2),
        ("bias-aware", BiasAware(), 2),
    ):
        model = build(sharded=processes.number > 1, dtype=torch.float64)
        layers = factorize_layers(
            model, batches(processes), weighting=weighting, rank=rank, processes=processes
        )
        for layer, pair in layers.items():
            found[f"{name}.{layer}.product"] = pair.product
            found[f"{name}.{layer}.values"] = pair.singular_values
            found[f"{name}.{layer}.norm"] = torch.tensor(pair.norm, dtype=torch.float64)
    return found


def state(processes: Processes) -> dict[str, Any]:
    """How a sharded model is left, and how many blocks were gathered at a time."""
    model = build(sharded=True)
    model.head.bias.requires_grad_(False)
    gathered: list[int] = []

    def count(*_: object) -> None:
        gathered.append(sum(not hasattr(b.up.weight, "full_tensor") for b in model.blocks))

    for block in model.blocks:
        block.norm.register_forward_hook(count)
        block.norm.register_full_backward_hook(count)
    group_fisher(model, batches(processes), layers="all-linear", processes=processes)
    input_moments(model, batches(processes), processes=processes)
    parameters = dict(model.named_parameters())
    return {
        "gathered at a time": max(gathered),
        "times counted": len(gathered),
        "not sharded": [n for n, p in parameters.items() if not hasattr(p, "full_tensor")],
        "frozen": [name for name, p in parameters.items() if not p.requires_grad],
        "with gradient": [name for name, p in parameters.items() if p.grad is not None],
    }


def alone(_: Processes) -> object:
    return group_fisher(build(sharded=True), batches(ALONE))


def no_batch(processes: Processes) -> object:
    own = batches(processes) if processes.rank == 0 else []
    return group_fisher(build(sharded=True), own, processes=processes)


def wrong_code(processes: Processes) -> object:
    own = batches(processes)
    if processes.rank == 0:
        own[1] = (*own[1][:2], own[1][2] - 7)
    return group_fisher(build(sharded=True), own, processes=processes)


def replaced(processes: Processes) -> object:
    return factorize_model(
        build(sharded=True),
        batches(processes),
        weighting=Neutralized(),
        rank=2,
        processes=processes,
    )


WORK: tuple[Callable[[Processes], dict[str, Tensor]], ...] = (fisher, moments, factors)
MISTAKES: tuple[Callable[[Processes], object], ...] = (alone, no_batch, wrong_code, replaced)


def said(work: Callable[[Processes], object], processes: Processes) -> list[str]:
    try:
        work(processes)
    except FairfactorError as error:
        return [type(error).__name__, str(error)]
    return ["", ""]


def main(rank: int, number: int, folder: Path) -> None:
    processes = join(rank, number, folder)
    found = {f"{work.__name__}.{k}": v for work in WORK for k, v in work(processes).items()}
    save_file({k: v.contiguous().clone() for k, v in found.items()}, folder / f"{rank}.safetensors")
    notes = state(processes) | {work.__name__: said(work, processes) for work in MISTAKES}
    (folder / f"{rank}.json").write_text(json.dumps(notes))
    distributed.barrier()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
