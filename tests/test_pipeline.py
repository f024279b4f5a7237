from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tests.oracles.paper_pipeline import replaced_layer
from torch import Tensor, nn

from fairfactor import pipeline
from fairfactor.data.adult import adult_task
from fairfactor.data.encoding import TableEncoder
from fairfactor.errors import ArgumentError, DataError, FairfactorWarning
from fairfactor.finetuning import FinetuneConfig, finetune
from fairfactor.groups import encode_groups
from fairfactor.models.mlp import build_mlp
from fairfactor.pipeline import (
    Prepared,
    Rows,
    Stopwatch,
    fit,
    predict_probabilities,
    prepare,
)
from fairfactor.surgery import LowRankLinear

QUICK = FinetuneConfig(learning_rates=(0.01,), epochs=2, batch_size=32)
NAMES = ("a", "b")

# Full rank and too many parameters are warnings of replace_layer, which has its own tests.
pytestmark = pytest.mark.filterwarnings("ignore::fairfactor.errors.FairfactorWarning")


def random_rows(count: int, seed: int, *, inputs: int = 13, classes: int = 2) -> Rows:
    source = np.random.default_rng(seed)
    x = source.normal(size=(count, inputs))
    y = (x @ source.normal(size=(inputs, classes)) + source.normal(size=(count, classes))).argmax(1)
    groups = source.integers(0, 2, count)
    return Rows(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(groups))


def prepared_on(
    model: nn.Module, train: Rows, names: tuple[str, ...] = NAMES, **options: object
) -> Prepared:
    return prepare(model, train, train, group_names=names, **options)  # type: ignore[arg-type]


def as_arrays(prepared: Prepared) -> dict[str, np.ndarray]:
    """What the oracle needs, in the paper's convention."""
    head = prepared.model.get_submodule(prepared.layer)
    return {
        "X": prepared.train.inputs.double().numpy(),
        "y": prepared.train.targets.numpy(),
        "groups": prepared.train.groups.numpy(),
        "W": head.weight.detach().double().numpy().T,
        "b": head.bias.detach().double().numpy(),
    }


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave box 5 out, so that the layer is as boxes 1 to 4 made it."""
    monkeypatch.setattr(pipeline, "finetune", lambda *_, **__: None)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """The paper's network on random rows, in float64."""
    model = build_mlp((13, 20, 20, 2), seed=0).double()
    return prepared_on(model, random_rows(200, seed=1))


@pytest.fixture(scope="module")
def adult() -> Prepared:
    """A briefly pre-trained network and rows of Adult, in float64."""
    task = adult_task(survey_weight_as_input=True)
    encoder = TableEncoder.fit(task.inputs, "label")
    inputs = torch.from_numpy(encoder.transform(task.inputs)).double()
    targets = torch.from_numpy(task.labels)
    groups = encode_groups(task.sensitive_features)
    codes = torch.from_numpy(groups.codes.copy())
    model = build_mlp((13, 20, 20, 2), seed=0).double()
    pretraining = slice(0, 5000), slice(5000, 6000)
    finetune(
        model,
        *((inputs[part], targets[part]) for part in pretraining),
        config=FinetuneConfig((0.01,), 2, 256),
    )
    new = slice(6000, 8000)
    return prepared_on(model, Rows(inputs[new], targets[new], codes[new]), groups.names)


def assert_is_the_papers_layer(
    layer: nn.Module, arrays: dict[str, np.ndarray], rank: int, alpha: float | None
) -> None:
    """Compare A and B up to the sign that the SVD leaves open for each component."""
    assert isinstance(layer, LowRankLinear)
    # The package floors Î_N² at 1e-12 of its largest entry.
    A, B = replaced_layer(**arrays, rank=rank, alpha=alpha, floor=1e-6)
    down, up = layer.down.weight.detach().numpy().T, layer.up.weight.detach().numpy().T
    signs = np.sign((up * B).sum(axis=1))
    assert np.abs(signs).tolist() == [1] * rank
    np.testing.assert_allclose(down, A * signs, rtol=1e-8, atol=1e-10 * np.abs(A).max())
    np.testing.assert_allclose(up, B * signs[:, None], rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(layer.up.bias.detach().numpy(), arrays["b"])


class TestThePaper:
    @pytest.mark.parametrize("rank", [1, 2])
    @pytest.mark.parametrize("alpha", [None, 0.5, 0.8, 1.0])
    @pytest.mark.usefixtures("untrained")
    def test_the_layer_on_adult(self, adult: Prepared, rank: int, alpha: float | None) -> None:
        fitted = fit(adult, "neutralized", rank, alpha=alpha)
        head = fitted.model.get_submodule("head")
        assert_is_the_papers_layer(head, as_arrays(adult), rank, alpha)

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("classes", [2, 3, 5])
    @pytest.mark.usefixtures("untrained")
    def test_the_layer_on_random_rows(self, seed: int, classes: int) -> None:
        model = build_mlp((4, 9, classes), seed=seed).double()
        rows = random_rows(80, seed, inputs=4, classes=classes)
        prepared = prepared_on(model, rows)
        for rank in range(1, classes + 1):
            head = fit(prepared, "neutralized", rank, alpha=0.7).model.get_submodule("head")
            assert_is_the_papers_layer(head, as_arrays(prepared), rank, 0.7)

    @pytest.mark.usefixtures("untrained")
    def test_three_groups_count_the_same(self) -> None:
        rows = random_rows(90, seed=5, inputs=4, classes=4)
        rows = Rows(rows.inputs, rows.targets, torch.arange(90) % 3)
        prepared = prepared_on(build_mlp((4, 9, 4), seed=5).double(), rows, ("a", "b", "c"))
        head = fit(prepared, "neutralized", 2).model.get_submodule("head")
        assert_is_the_papers_layer(head, as_arrays(prepared), 2, None)

    @pytest.mark.parametrize(
        ("method", "rank", "trained", "total"),
        [
            ("pretrained", None, 0, 742),
            ("head-tuning", None, 42, 742),
            ("plain-svd", 1, 24, 724),
            ("neutralized", 1, 24, 724),
            ("neutralized", 2, 46, 746),
            ("pooled-fisher-svd", 2, 46, 746),
        ],
    )
    @pytest.mark.usefixtures("untrained")
    def test_numbers_of_parameters(
        self, prepared: Prepared, method: str, rank: int | None, trained: int, total: int
    ) -> None:
        assert fit(prepared, method, rank).parameters == (trained, total)

    @pytest.mark.parametrize("method", ["plain-svd", "pooled-fisher-svd", "neutralized"])
    @pytest.mark.usefixtures("untrained")
    def test_full_rank_changes_no_prediction(self, adult: Prepared, method: str) -> None:
        fitted = fit(adult, method, 2)
        head = adult.model.get_submodule("head")
        tuned = fitted.model.get_submodule("head")
        torch.testing.assert_close(tuned(adult.train.inputs), head(adult.train.inputs))
        assert fitted.replacement is not None
        assert fitted.replacement.is_full_rank
        assert fitted.replacement.relative_change < 1e-10


class TestFit:
    @pytest.mark.parametrize(
        ("method", "rank"), [("head-tuning", None), ("plain-svd", 1), ("neutralized", 2)]
    )
    def test_only_the_head_changes(self, prepared: Prepared, method: str, rank: int | None) -> None:
        before = copy.deepcopy(prepared.model.state_dict())
        fitted = fit(prepared, method, rank, config=QUICK)
        after = fitted.model.state_dict()
        for name, tensor in before.items():
            assert torch.equal(prepared.model.state_dict()[name], tensor), "of the original"
            if not name.startswith("head"):
                assert torch.equal(after[name], tensor), name
        trained = {n for n, p in fitted.model.named_parameters() if p.requires_grad}
        assert trained
        assert all(name.startswith("head.") for name in trained)
        assert all(parameter.requires_grad for parameter in prepared.model.parameters())
        assert not any(module.training for module in fitted.model.modules())

    def test_every_part_of_the_head_is_trained(self, prepared: Prepared) -> None:
        head = fit(prepared, "neutralized", 1, config=QUICK).model.get_submodule("head")
        arrays = as_arrays(prepared)
        A, B = replaced_layer(**arrays, rank=1)
        parts = (head.down.weight, head.up.weight, head.up.bias)
        for part, start in zip(parts, (A.T, B.T, arrays["b"]), strict=True):
            assert not np.isclose(np.abs(part.detach().numpy()), np.abs(start), rtol=1e-6).any()

    def test_the_backbone_is_never_run(self) -> None:
        model = build_mlp((13, 20, 20, 2), seed=0).double()
        prepared = prepared_on(model, random_rows(100, seed=1))
        calls: list[str] = []
        for name in ("hidden1", "activation1", "hidden2", "activation2"):
            # Deep copies keep hooks, so this sees the copy that fit works on.
            model.get_submodule(name).register_forward_hook(
                lambda *_, name=name: calls.append(name)
            )
        fitted = fit(prepared, "neutralized", 2, config=QUICK)
        assert calls == []
        fitted.model(prepared.train.inputs.new_zeros(1, 13))
        assert len(calls) == 4

    def test_training_on_cached_features_is_training_the_head_in_its_place(
        self, prepared: Prepared
    ) -> None:
        rows = random_rows(200, seed=1)
        whole = copy.deepcopy(prepared.model).requires_grad_(requires_grad=False)
        whole.get_submodule("head").requires_grad_()
        finetune(
            whole, (rows.inputs, rows.targets), (rows.inputs, rows.targets), config=QUICK, seed=3
        )
        fitted = fit(prepared, "head-tuning", config=QUICK, seed=3)
        for name, tensor in whole.state_dict().items():
            torch.testing.assert_close(fitted.model.state_dict()[name], tensor)

    def test_the_untouched_method_changes_nothing(self, prepared: Prepared) -> None:
        fitted = fit(prepared, "pretrained")
        assert fitted.history is None
        assert fitted.replacement is None
        inputs = random_rows(20, seed=2).inputs
        assert torch.equal(fitted.model(inputs), prepared.model(inputs))

    def test_the_seed_decides_the_result(self, prepared: Prepared) -> None:
        first, again, other = (
            fit(prepared, "neutralized", 1, config=QUICK, seed=seed).model.head.down.weight
            for seed in (0, 0, 1)
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_epochs_are_announced_and_boxes_timed(self) -> None:
        stopwatch, calls = Stopwatch(), []
        model = build_mlp((13, 5, 2), seed=0).double()
        prepared = prepared_on(model, random_rows(60, seed=1), stopwatch=stopwatch)
        assert set(stopwatch.seconds) == {"fisher", "features"}
        fit(prepared, "plain-svd", 1, config=QUICK, on_epoch=lambda: calls.append(None))
        assert set(stopwatch.seconds) == {"fisher", "features", "factorize", "finetune"}
        assert all(seconds > 0 for seconds in stopwatch.seconds.values())
        assert len(calls) == QUICK.epochs

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (("neutralised", 1), r"^method='neutralised'.*neutralized"),
            (("neutralized", None), r"^rank=None .*an integer for the method neutralized"),
            (("neutralized", 0), r"^rank=0 "),
            (("plain-svd", 3), r"^rank=3 "),
            (("plain-svd", 1.5), r"^rank=1\.5 "),
        ],
    )
    def test_unusable_arguments_are_refused(self, prepared: Prepared, arguments, text) -> None:
        with pytest.raises(ArgumentError, match=text):
            fit(prepared, *arguments)

    @pytest.mark.parametrize("alpha", [-0.01, 1.01, float("nan")])
    def test_alpha_out_of_range_is_refused(self, prepared: Prepared, alpha: float) -> None:
        with pytest.raises(ArgumentError, match=r"^alpha=.*from 0 to 1"):
            fit(prepared, "neutralized", 1, alpha=alpha)


class TestPrepare:
    def test_it_keeps_the_inputs_of_the_head(self, prepared: Prepared) -> None:
        rows = random_rows(200, seed=1)
        head = prepared.model.get_submodule("head")
        assert prepared.train.inputs.shape == (200, 20)
        torch.testing.assert_close(head(prepared.train.inputs), prepared.model(rows.inputs))
        assert torch.equal(prepared.train.targets, rows.targets)
        assert torch.equal(prepared.train.groups, rows.groups)

    def test_the_model_is_left_as_it_was(self) -> None:
        model = build_mlp((13, 5, 2), seed=0).double()
        model.hidden1.eval()
        before = copy.deepcopy(model.state_dict())
        prepared_on(model, random_rows(60, seed=1))
        assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)
        assert [part.training for part in model] == [False, True, True]
        assert all(p.requires_grad and p.grad is None for p in model.parameters())

    def test_the_last_layer_need_not_be_called_head(self) -> None:
        model = nn.Sequential(nn.Linear(13, 5), nn.ReLU(), nn.Linear(5, 2)).double()
        prepared = prepared_on(model, random_rows(60, seed=1))
        assert prepared.layer == "2"
        fitted = fit(prepared, "neutralized", 1, config=QUICK)
        assert isinstance(fitted.model[2], LowRankLinear)

    @pytest.mark.parametrize(
        ("layer", "text"),
        [
            ("tail", r"^layers='tail'"),
            ("hidden1", r"^layer='hidden1'.*the last layer"),
            ("hidden2", r"^layer='hidden2'.*the last layer"),
            ("hidden*", r"^layer='hidden\*'.*the name of one layer.*'hidden1', 'hidden2'"),
            ("activation1", r"^layers='activation1'"),
        ],
    )
    def test_any_other_layer_is_refused(self, layer: str, text: str) -> None:
        model = build_mlp((13, 4, 2, 2), seed=0).double()
        with pytest.raises(ArgumentError, match=text):
            prepared_on(model, random_rows(60, seed=1), layer=layer)

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda x, y, s: (x.index_fill(0, torch.tensor([70]), torch.nan), y, s), "not finite"),
            (lambda x, y, s: (x, y[:-1], s), "targets of shape .* same number"),
            (lambda x, y, s: (x[:-1], y, s), "inputs of shape .* same number"),
            (lambda x, y, s: (x[:0], y[:0], s[:0]), "no sample with a group"),
            (lambda x, y, s: (x, y + 1, s), "Target 2 is out of range"),
            (lambda x, y, s: (x, y, s + 1), "group code 2 is out of range"),
            (lambda x, y, s: (x, y, s * 0), "Group 'b' .* has no sample"),
        ],
    )
    def test_unusable_training_rows_are_refused(self, change, text: str) -> None:
        rows = random_rows(100, seed=1)
        changed = Rows(*change(rows.inputs, rows.targets, rows.groups))
        model = build_mlp((13, 5, 2), seed=0).double()
        with pytest.raises(DataError, match=text):
            prepare(model, changed, rows, group_names=NAMES)

    def test_unusable_validation_rows_are_refused(self) -> None:
        rows = random_rows(100, seed=1)
        short = Rows(rows.inputs, rows.targets[:-1], rows.groups)
        model = build_mlp((13, 5, 2), seed=0).double()
        prepared = prepare(model, rows, short, group_names=NAMES)
        with pytest.raises(DataError, match=r"^validation has 100 inputs and 99 targets"):
            fit(prepared, "head-tuning")

    def test_rows_without_a_group_are_trained_on_but_not_measured(self) -> None:
        rows = random_rows(100, seed=1)
        groups = rows.groups.clone()
        groups[:40] = -1
        model = build_mlp((13, 5, 2), seed=0).double()
        some = prepared_on(model, Rows(rows.inputs, rows.targets, groups))
        kept = Rows(rows.inputs[40:], rows.targets[40:], rows.groups[40:])
        only = prepared_on(model, kept)
        torch.testing.assert_close(some.fisher.row_importance, only.fisher.row_importance)
        assert len(some.train.inputs) == 100


class TestRows:
    def test_batches_are_in_order(self) -> None:
        rows = random_rows(10, seed=0)
        batches = list(rows.batches(4))
        assert [len(batch[0]) for batch in batches] == [4, 4, 2]
        for part, whole in enumerate((rows.inputs, rows.targets, rows.groups)):
            assert torch.equal(torch.cat([batch[part] for batch in batches]), whole)


class TestStopwatch:
    def test_it_adds_up_and_survives_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        times = iter([1.0, 3.0, 10.0, 11.5])
        monkeypatch.setattr(pipeline, "perf_counter", lambda: next(times))
        stopwatch = Stopwatch()
        with stopwatch.part("work"):
            pass
        with pytest.raises(KeyError), stopwatch.part("work"):
            raise KeyError
        assert stopwatch.seconds == {"work": 3.5}


class TestPredictProbabilities:
    @pytest.fixture
    def model(self) -> nn.Module:
        return nn.Sequential(nn.Dropout(0.5), build_mlp((13, 5, 3), seed=0)).double()

    @pytest.fixture
    def inputs(self) -> Tensor:
        return random_rows(50, seed=0).inputs

    def test_they_are_the_softmax_of_the_logits(self, model: nn.Module, inputs: Tensor) -> None:
        probabilities = predict_probabilities(model, inputs)
        torch.testing.assert_close(probabilities, model[1](inputs).softmax(1).detach())
        torch.testing.assert_close(probabilities.sum(1), torch.ones(50, dtype=torch.float64))
        assert not probabilities.requires_grad
        assert model.training

    def test_the_same_rows_give_the_same_bits(self, model: nn.Module, inputs: Tensor) -> None:
        first = predict_probabilities(model, inputs, batch_size=7)
        assert torch.equal(first, predict_probabilities(model, inputs, batch_size=7))
        torch.testing.assert_close(first, predict_probabilities(model, inputs))


def test_a_full_rank_is_a_warning_of_the_pipeline_too(prepared: Prepared) -> None:
    with pytest.warns(FairfactorWarning, match="full rank of 'head'"):
        fit(prepared, "neutralized", 2, config=QUICK)
