from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import ArgumentError, DataError, FairfactorWarning, TrainingError
from fairfactor.finetuning import FinetuneConfig, FinetuneHistory, finetune, mean_loss

Examples = tuple[Tensor, Tensor]
QUICK = FinetuneConfig(learning_rates=(0.05,), epochs=3, batch_size=16)


def examples(rows: int, seed: int) -> Examples:
    """Three inputs of which the first says the class, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, 3, generator=generator)
    noise = torch.randn(rows, generator=generator)
    return inputs, (inputs[:, 0] + 0.5 * noise > 0).long()


@pytest.fixture
def train() -> Examples:
    return examples(100, seed=1)


@pytest.fixture
def validation() -> Examples:
    return examples(60, seed=2)


def head(seed: int = 0) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Linear(3, 2)


def state(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class TestFinetune:
    def test_learns_and_records_every_epoch(self, train: Examples, validation: Examples) -> None:
        module = head()
        start = [mean_loss(module, train), mean_loss(module, validation)]
        history = finetune(module, train, validation, config=QUICK)
        assert [history.training_loss[0], history.validation_loss[0]] == start
        assert len(history.training_loss) == len(history.validation_loss) == 1 + QUICK.epochs
        assert history.loss_decreased
        assert history.training_loss[history.best_epoch] < 0.8 * start[0]

    def test_keeps_the_epoch_with_the_lowest_validation_loss(
        self, train: Examples, validation: Examples
    ) -> None:
        module = head()
        config = FinetuneConfig(learning_rates=(0.5,), epochs=12, batch_size=16)
        history = finetune(module, train, validation, config=config)
        losses = history.validation_loss
        assert history.best_epoch == min(range(1, len(losses)), key=losses.__getitem__)
        assert history.best_epoch < config.epochs  # else the last would do as well
        assert mean_loss(module, validation) == losses[history.best_epoch]
        assert mean_loss(module, train) == history.training_loss[history.best_epoch]

    def test_validation_loss_chooses_the_rate_whatever_their_order(
        self, train: Examples, validation: Examples
    ) -> None:
        rates, alone = (0.001, 0.03, 3.0), {}
        for rate in rates:
            module = head()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FairfactorWarning)
                history = finetune(module, train, validation, config=FinetuneConfig((rate,), 2, 16))
            alone[rate] = (history.validation_loss[history.best_epoch], state(module))
        best = min(alone, key=lambda rate: alone[rate][0])
        for order in (rates, rates[::-1]):
            module = head()
            history = finetune(module, train, validation, config=FinetuneConfig(order, 2, 16))
            assert history.learning_rate == best
            assert history.candidates == 3
            assert same(state(module), alone[best][1])

    def test_the_seed_decides_the_order_of_the_rows(
        self, train: Examples, validation: Examples
    ) -> None:
        states = []
        for seed in (0, 0, 1):
            module = head()
            finetune(module, train, validation, config=QUICK, seed=seed)
            states.append(state(module))
        assert same(states[0], states[1])
        assert not same(states[0], states[2])

    def test_the_global_generator_is_left_alone(
        self, train: Examples, validation: Examples
    ) -> None:
        before = torch.get_rng_state()
        finetune(head(), train, validation, config=QUICK)
        assert torch.equal(torch.get_rng_state(), before)

    def test_each_epoch_sees_each_row_once_in_batches(
        self, train: Examples, validation: Examples
    ) -> None:
        module, batches = head(), []
        module.register_forward_hook(
            lambda module, arguments, output: (
                batches.append(arguments[0]) if torch.is_grad_enabled() else None
            )
        )
        finetune(module, train, validation, config=FinetuneConfig((0.01,), 2, 16))
        assert [len(batch) for batch in batches] == [16, 16, 16, 16, 16, 16, 4] * 2
        epochs = [torch.cat(batches[:7]), torch.cat(batches[7:])]
        assert not torch.equal(*epochs)
        for seen in epochs:
            assert torch.equal(seen.sort(dim=0).values, train[0].sort(dim=0).values)

    def test_frozen_parameters_stay_as_they_are(
        self, train: Examples, validation: Examples
    ) -> None:
        module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
        module[0].requires_grad_(requires_grad=False)
        before = state(module)
        finetune(module, train, validation, config=QUICK)
        after = state(module)
        changed = {name for name in after if not torch.equal(after[name], before[name])}
        assert changed == {"1.weight", "1.bias"}

    def test_each_epoch_of_each_rate_is_announced(
        self, train: Examples, validation: Examples
    ) -> None:
        calls: list[None] = []
        finetune(
            head(),
            train,
            validation,
            config=FinetuneConfig((0.1, 0.01), 3, 50),
            on_epoch=lambda: calls.append(None),
        )
        assert len(calls) == 6

    def test_a_loss_that_does_not_fall_is_a_warning(
        self, train: Examples, validation: Examples
    ) -> None:
        with pytest.warns(FairfactorWarning, match=r"did not lower the training loss \(0\.\d+"):
            history = finetune(head(), train, validation, config=FinetuneConfig((1000.0,), 2, 16))
        assert not history.loss_decreased

    def test_a_loss_that_is_not_finite_leaves_the_module_as_it_was(
        self, train: Examples, validation: Examples
    ) -> None:
        module = head()
        before = state(module)
        with pytest.raises(TrainingError, match=r"not finite for learning_rates=\(1e\+38,\)"):
            finetune(module, train, validation, config=FinetuneConfig((1e38,), 2, 16))
        assert same(state(module), before)

    def test_a_rate_that_diverges_does_not_spoil_the_others(
        self, train: Examples, validation: Examples
    ) -> None:
        history = finetune(head(), train, validation, config=FinetuneConfig((1e38, 0.05), 2, 16))
        assert history.learning_rate == 0.05

    def test_the_epochs_before_a_divergence_count(
        self, train: Examples, validation: Examples
    ) -> None:
        module, batches = head(), []

        def spoil(*_: object) -> None:
            if torch.is_grad_enabled():
                batches.append(None)
                if len(batches) == 15:  # the first batch of the third epoch
                    module.weight.data.fill_(torch.nan)

        module.register_forward_pre_hook(spoil)
        history = finetune(module, train, validation, config=FinetuneConfig((0.05,), 5, 16))
        assert len(history.training_loss) == 1 + 3
        assert history.best_epoch in {1, 2}
        assert mean_loss(module, validation) == history.validation_loss[history.best_epoch]

    def test_nothing_to_train_is_refused(self, train: Examples, validation: Examples) -> None:
        with pytest.raises(TrainingError, match=r"No parameter .* Unfreeze"):
            finetune(head().requires_grad_(requires_grad=False), train, validation)

    @pytest.mark.parametrize("part", ["train", "validation"])
    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda x, y: (x, y[:-1]), r"has 60 inputs and 59 targets"),
            (lambda x, y: (x[:0], y[:0]), r"has no rows"),
            (lambda x, y: (x.index_fill(0, torch.tensor([7]), torch.nan), y), r"NaN.*in row 7\."),
            (lambda x, y: (x.index_fill(0, torch.tensor([9]), torch.inf), y), r"NaN.*in row 9\."),
            (lambda x, y: (x, y.float()), r"targets have .*float32.*: expected one class code"),
            (lambda x, y: (x, y[:, None]), r"targets have shape \(60, 1\)"),
            (lambda x, y: (x, y - 1), r"targets have .* value -1: expected .* from 0"),
        ],
    )
    def test_unusable_rows_are_refused(self, part: str, change, text: str) -> None:
        parts = {"train": examples(60, 1), "validation": examples(60, 2)}
        parts[part] = change(*parts[part])
        with pytest.raises(DataError, match=f"^{part} {text}|^{part} inputs have a {text}"):
            finetune(head(), **parts)


class TestConfig:
    @pytest.mark.parametrize(
        "values",
        [
            {"learning_rates": ()},
            {"learning_rates": (0.1, 0.0)},
            {"learning_rates": (-0.1,)},
            {"learning_rates": (float("nan"),)},
            {"learning_rates": (float("inf"),)},
            {"epochs": 0},
            {"epochs": 1.5},
            {"batch_size": 0},
            {"batch_size": True},
            {"batch_size": 2**70},
        ],
    )
    def test_values_out_of_range_are_refused(self, values: dict) -> None:
        with pytest.raises(ArgumentError, match=f"^{next(iter(values))}="):
            FinetuneConfig(**values)


class TestHistory:
    @pytest.mark.parametrize(("losses", "decreased"), [((2, 3, 1), True), ((2, 1, 2), False)])
    def test_the_kept_epoch_says_whether_the_loss_decreased(self, losses, decreased) -> None:
        assert FinetuneHistory(0.1, 2, losses, losses).loss_decreased == decreased


class TestMeanLoss:
    def test_is_the_mean_over_rows_for_any_batch_size(self, train: Examples) -> None:
        module = head()
        expected = functional.cross_entropy(module(train[0]), train[1]).item()
        for batch_size in (1, 33, 100, 1000):
            assert mean_loss(module, train, batch_size) == pytest.approx(expected, rel=1e-6)

    def test_runs_in_evaluation_mode_without_gradients_and_restores_the_mode(
        self, train: Examples
    ) -> None:
        module = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5), head())
        module[1].eval()
        assert mean_loss(module, train) == mean_loss(module[2], train)
        assert [part.training for part in module] == [True, False, True]
        assert all(parameter.grad is None for parameter in module.parameters())
