from __future__ import annotations

import pytest
import torch

from fairfactor.errors import ArgumentError
from fairfactor.models.mlp import MAXIMUM_WIDTH, build_mlp


def parameters(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_papers_network_has_742_parameters():
    model = build_mlp((13, 20, 20, 2))
    assert len(parameters(model)) == 742
    assert [name for name, _ in model.named_children()] == [
        "hidden1",
        "activation1",
        "hidden2",
        "activation2",
        "head",
    ]


def test_it_computes_layers_with_relu_between_them():
    model = build_mlp((4, 5, 3), seed=0)
    x = torch.randn(7, 4)
    hidden = (x @ model.hidden1.weight.T + model.hidden1.bias).clamp(min=0)
    expected = hidden @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(x), expected)


def test_without_hidden_layers_it_is_linear():
    model = build_mlp((4, 2))
    assert [name for name, _ in model.named_children()] == ["head"]
    assert model.head.weight.shape == (2, 4)


def test_the_seed_decides_the_weights_and_leaves_the_global_generator():
    before = torch.get_rng_state()
    first, again, other = (parameters(build_mlp((4, 3, 2), seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_without_a_seed_the_global_generator_draws():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        drawn = parameters(build_mlp((4, 3, 2)))
        following = parameters(build_mlp((4, 3, 2)))
    assert torch.equal(drawn, parameters(build_mlp((4, 3, 2), seed=3)))
    assert not torch.equal(drawn, following)


@pytest.mark.parametrize(
    "widths", [(), (4,), (4, 0), (4, -1, 2), (4, 2.0), ("4", 2), (4, MAXIMUM_WIDTH + 1)]
)
def test_unusable_widths_are_refused(widths):
    with pytest.raises(ArgumentError, match=r"^widths=.*at least two integers"):
        build_mlp(widths)
