from __future__ import annotations

import hashlib

import pytest
import torch
from tests.surgery.examples import Tied
from torch import nn

from fairfactor.errors import SavedModelError
from fairfactor.surgery.tensors import digest, find_aliases, state_tensors


def test_digest_is_what_it_says() -> None:
    tensor = torch.tensor([[1.0, -2.0]])
    expected = hashlib.sha256(
        b'["a", "torch.float32", [1, 2]]\n' + tensor.numpy().tobytes()
    ).hexdigest()
    assert digest({"a": tensor}) == expected


def test_digest_sees_every_difference_but_order_and_layout() -> None:
    base = {"a": torch.zeros(2, 3), "b": torch.ones(2)}
    others = [
        {"a": torch.zeros(3, 2), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3), "c": torch.ones(2)},
        {"a": torch.zeros(2, 3), "b": torch.ones(2, dtype=torch.int32)},
        {"a": torch.zeros(2, 3), "b": torch.tensor([1.0, 1.0 + 2**-23])},
        {"a": -torch.zeros(2, 3), "b": torch.ones(2)},
        {"a": torch.zeros(2, 3)},
        {},
    ]
    assert len({digest(tensors) for tensors in [base, *others]}) == len(others) + 1
    assert digest({"b": torch.ones(2), "a": torch.zeros(3, 2).T}) == digest(base)


@pytest.mark.parametrize("dtype", [torch.bool, torch.bfloat16, torch.int64, torch.complex64])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (2, 3)])
def test_digest_of_any_dtype_and_shape(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    assert len(digest({"a": torch.ones(shape, dtype=dtype)})) == 64


def test_aliases_are_the_same_memory_seen_the_same_way() -> None:
    storage = torch.zeros(4)
    tensors = {
        "whole": storage,
        "again": storage,
        "half": storage[:2],
        "as_rows": storage.view(2, 2),
        "equal": torch.zeros(4),
        "empty": torch.zeros(0),
        "empty_too": torch.zeros(0),
    }
    assert find_aliases(tensors) == {"again": "whole"}
    assert find_aliases(state_tensors(Tied())) == {"output.weight": "embedding.weight"}


class Extra(nn.Linear):
    def get_extra_state(self) -> dict[str, int]:
        return {"calls": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        pass


def test_refuses_what_has_no_dense_values() -> None:
    with pytest.raises(SavedModelError, match=r"'0\._extra_state'.*is a dict"):
        state_tensors(nn.Sequential(Extra(2, 2)))
    with pytest.raises(SavedModelError, match=r"'weight'.*on meta"):
        state_tensors(nn.Linear(2, 2, device="meta"))
    sparse = nn.Module()
    sparse.register_buffer("matrix", torch.eye(2).to_sparse())
    with pytest.raises(SavedModelError, match=r"'matrix'.*torch\.sparse_coo"):
        state_tensors(sparse)
