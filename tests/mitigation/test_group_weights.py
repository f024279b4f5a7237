import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.oracles import group_losses

from fairfactor.errors import ArgumentError
from fairfactor.mitigation.group_weights import (
    RunningGroupWeights,
    part_losses,
    parts_of,
    soft_worst,
)


def random_rows(rows, parts, seed=0):
    generator = torch.Generator().manual_seed(seed)
    losses = torch.rand(rows, generator=generator, dtype=torch.float64) * 3
    return losses, torch.randint(-1, parts, (rows,), generator=generator)


def test_cells_are_class_and_group():
    labels, groups = torch.tensor([0, 1, 2, 1]), torch.tensor([1, 0, -1, 1])
    for over, expected, number in (("cells", [1, 2, -1, 3], 6), ("groups", [1, 0, -1, 1], 2)):
        codes, parts = parts_of(labels, groups, 3, 2, over)
        assert codes.tolist() == expected
        assert parts == number


@pytest.mark.parametrize("sharpness", [0.0, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize(("rows", "parts"), [(50, 2), (7, 5), (1, 3)])
def test_soft_worst_is_that_of_a_loop(rows, parts, sharpness):
    losses, codes = random_rows(rows, parts)
    codes[0] = 0
    found = soft_worst(*part_losses(losses, codes, parts), sharpness)
    expected = group_losses.soft_worst(losses.tolist(), codes.tolist(), parts, sharpness)
    assert float(found) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None, max_examples=30)
@example(seed=0, low=5e-324, more=1.0)
@given(seed=st.integers(0, 999), low=st.floats(0, 50), more=st.floats(0.1, 50))
def test_soft_worst_rises_from_the_mean_to_the_worst(seed, low, more):
    losses, codes = random_rows(30, 3, seed)
    means, present = part_losses(losses, codes, 3)
    values = [float(soft_worst(means, present, eta)) for eta in (0.0, low, low + more)]
    assert values[1] >= values[0] - 1e-12
    assert values[2] >= values[1] - 1e-12
    assert values[-1] <= float(means[present].max()) + 1e-12


def test_gradient_weighs_parts_by_their_losses():
    losses, codes = random_rows(40, 3)
    losses.requires_grad_()
    soft_worst(*part_losses(losses, codes, 3), 5.0).backward()
    means, present = part_losses(losses.detach(), codes, 3)
    shares = torch.where(present, 5.0 * means, -torch.inf).softmax(dim=0)
    for part in range(3):
        torch.testing.assert_close(losses.grad[codes == part].sum(), shares[part])
    assert (losses.grad[codes == -1] == 0).all()


@pytest.mark.parametrize("step", [0.0, 0.1, 2.0])
def test_running_weights_are_those_of_a_loop(step):
    batches = [random_rows(12, 4, seed) for seed in range(6)]
    for _losses, codes in batches[::2]:
        codes[codes == 3] = 1  # a part that every other batch misses
    weigh = RunningGroupWeights(4, step)
    found = [float(weigh(losses, codes)) for losses, codes in batches]
    plain = [(losses.tolist(), codes.tolist()) for losses, codes in batches]
    assert found == pytest.approx(group_losses.running_weights(plain, 4, step))


def test_no_row_with_a_part_gives_no_nan():
    losses = torch.rand(5, requires_grad=True)
    loss = RunningGroupWeights(2, 0.1)(losses, torch.full((5,), -1))
    loss.backward()
    assert float(loss.detach()) == 0
    assert losses.grad.isfinite().all()


def test_long_training_does_not_overflow():
    weigh = RunningGroupWeights(2, 100.0)
    for _ in range(50):
        loss = weigh(torch.tensor([5.0, 1.0]), torch.tensor([0, 1]))
    assert float(loss) == pytest.approx(5.0)


@pytest.mark.parametrize("step", [-1.0, float("nan"), float("inf")])
def test_steps_that_are_refused(step):
    with pytest.raises(ArgumentError, match="step="):
        RunningGroupWeights(2, step)
