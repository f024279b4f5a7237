from dataclasses import fields, is_dataclass

import numpy as np
import torch
from torch import nn

from fairfactor.studies.comparison import Comparison
from fairfactor.studies.seed_store import load_seed_run, save_seed_run


def same(first: object, second: object) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second, equal_nan=True)
    if isinstance(first, nn.Module):
        states = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
        return all(a == b and torch.equal(x, y) for (a, x), (b, y) in states)
    if type(first) is not type(second):
        return False
    if is_dataclass(first):
        return all(same(getattr(first, f.name), getattr(second, f.name)) for f in fields(first))
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[k], second[k]) for k in first)
    if isinstance(first, tuple | list):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second or (first != first and second != second)


def test_what_a_seed_gave_comes_back_bit_for_bit(comparison: Comparison, tmp_path) -> None:
    for place, run in enumerate(comparison.runs):
        folder = tmp_path / str(place)
        folder.mkdir()
        save_seed_run(run, folder)
        found = load_seed_run(folder)
        assert same(run, found)
        inputs = torch.randn(9, run.tuned.widths[0])
        assert torch.equal(run.tuned.model(inputs), found.tuned.model(inputs))
