from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fairfactor.diagnosis import LayerPair, diagnose, diagnose_layer, group_overlaps
from fairfactor.errors import ArgumentError, DataError
from fairfactor.factorization import plain_svd
from fairfactor.fairness import fairness_metrics
from fairfactor.importance import GroupFisher, group_fisher
from fairfactor.neutralization import neutralize
from fairfactor.rank import RankFraction
from fairfactor.surgery import LowRankLinear, merge_layer, replace_layer, weight_matrix
from fairfactor.weighting import Neutralized
from fairfactor.whole_model import factorize_model

NAMES = ("A", "B", "C")


class RecurrentClassifier(nn.Module):
    """An LSTM with dropout and a linear head."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(5, 12, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(12, classes)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrent(x)
        return self.head(self.dropout(states[:, -1]))


def probe(classes: int, number: int = 90, shape: tuple[int, ...] = (4, 5)) -> list[Any]:
    """Rows of three groups, a sixth of them in none, in batches."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(number, *shape, generator=generator)
    y = torch.randint(0, classes, (number,), generator=generator)
    groups = torch.randint(-1, 3, (number,), generator=generator)
    return list(zip(x.split(40), y.split(40), groups.split(40), strict=True))


def recurrent(classes: int) -> nn.Module:
    torch.manual_seed(0)
    return RecurrentClassifier(classes).eval()


def truncated_head(model: nn.Module, rank: int) -> nn.Module:
    replaced = copy.deepcopy(model)
    replace_layer(replaced, "head", plain_svd(weight_matrix(replaced.head), rank))
    return replaced


@pytest.fixture
def multi_class() -> tuple[nn.Module, nn.Module, dict[str, GroupFisher]]:
    model = recurrent(5)
    fishers = group_fisher(model, probe(5), layers="head", group_names=NAMES)
    return model, truncated_head(model, 2), fishers


def test_metrics_are_those_of_the_rows_with_a_group(multi_class) -> None:
    model, replaced, fishers = multi_class
    found = diagnose(model, replaced, probe(5), fishers=fishers)
    x, y, groups = (torch.cat(part) for part in zip(*probe(5), strict=True))
    predictions = [m(x).argmax(1).numpy() for m in (model, replaced)]
    for metrics, predicted in zip(
        (found.before.metrics, found.after.metrics), predictions, strict=True
    ):
        expected = fairness_metrics(y.numpy(), predicted, groups.numpy(), n_classes=5)
        assert metrics == pytest.approx(expected)
    included = groups.numpy() >= 0
    changed = (predictions[0] != predictions[1])[included].mean()
    assert 0 < changed == pytest.approx(found.after.changed_predictions)
    assert found.before.changed_predictions == 0
    assert found.rows == included.sum()
    assert list(found.groups) == list(NAMES)
    assert found.groups["B"] == (groups == 1).sum()
    assert found.trained is None
    assert found.gap_changes == {
        name: found.after.metrics[name] - found.before.metrics[name]
        for name in ("demographic_parity_difference", "equalized_odds_difference_worst_case")
    }


def test_sizes_and_operations(multi_class) -> None:
    model, replaced, fishers = multi_class
    found = diagnose(model, replaced, probe(5), fishers=fishers)
    before, after = found.before, found.after
    assert before.parameters == sum(p.numel() for p in model.parameters())
    assert before.parameters - after.parameters == 12 * 5 - 2 * (12 + 5)
    assert before.flops - after.flops == 2 * (12 * 5 - 2 * (12 + 5))
    layer = found.layers["head"]
    assert (layer.replacement.rank, layer.replacement.break_even_rank) == (2, 3)
    assert layer.replacement.relative_change > 0.1


def test_modes_of_the_models_do_not_matter_and_stay(multi_class) -> None:
    model, replaced, fishers = multi_class
    expected = diagnose(model, replaced, probe(5), fishers=fishers)
    model.train()
    found = diagnose(model, replaced, probe(5), fishers=fishers)
    assert found == expected
    assert model.dropout.training
    assert not replaced.training


def test_condition_and_dead_inputs() -> None:
    importance = torch.tensor([[4.0, 0.0, 1.0, 0.0], [16.0, 0.0, 1.0, 0.25]], dtype=torch.float64)
    fisher = GroupFisher(("A", "B"), torch.tensor([3, 5]), importance)
    original = nn.Linear(4, 3)
    replacement = LowRankLinear.from_factors(plain_svd(original.weight, 1), original.bias)
    pair = LayerPair(original, replacement)
    found = diagnose_layer(pair, fisher)
    weights = neutralize(importance)
    assert found.condition == pytest.approx(float(weights[0] / weights[3]))
    assert found.condition == pytest.approx(3 / 0.25)
    assert (found.zero_rows, found.inputs) == (1, 4)
    empty = dataclasses.replace(fisher, row_importance=torch.zeros(2, 4, dtype=torch.float64))
    found = diagnose_layer(pair, empty)
    assert (found.condition, found.zero_rows) == (math.inf, 4)


def overlap_of(*rows: list[float]) -> Any:
    names = tuple("ABC"[: len(rows)])
    rows = torch.tensor(rows, dtype=torch.float64)
    return group_overlaps(GroupFisher(names, torch.ones(len(rows), dtype=torch.int64), rows))


def test_overlaps_of_each_pair() -> None:
    rows = [[1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 7.0, 8.0, 6.0, 10.0]]
    rows += [[2 * value for value in rows[0]], rows[0][::-1]]
    ab, ac, bc = overlap_of(*rows)
    assert [pair.groups for pair in (ab, ac, bc)] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert (ab.correlation, ab.shared_top) == (pytest.approx(1), 1.0)
    assert (ab.scale_ratio, bc.scale_ratio) == (pytest.approx(0.5), pytest.approx(2))
    expected = torch.corrcoef(torch.tensor([rows[0], rows[2]]))[0, 1]
    assert ac.correlation == pytest.approx(float(expected))
    assert ac.shared_top == 0.0


def test_overlap_of_constant_importances_has_no_correlation() -> None:
    (pair,) = overlap_of([0.1 + 0.2] * 10, [float(value) for value in range(10)])
    assert math.isnan(pair.correlation)
    assert pair.shared_top == 0.0
    (pair,) = overlap_of([0.3] * 10, [0.7] * 10)
    assert math.isnan(pair.correlation)
    assert pair.shared_top == 1.0  # equally important features come in their order


def test_overlap_with_a_group_without_information() -> None:
    (pair,) = overlap_of([1.0, 2.0], [0.0, 0.0])
    assert pair.scale_ratio == math.inf
    assert math.isnan(pair.correlation)


def test_overlap_of_a_layer_with_one_input() -> None:
    (pair,) = overlap_of([1.0], [2.0])
    assert math.isnan(pair.correlation)
    assert pair.shared_top == 1.0


@pytest.mark.parametrize("squeeze", [False, True])
def test_one_logit(squeeze: bool) -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1)]
    model = nn.Sequential(*layers, *([nn.Flatten(0)] if squeeze else [])).eval()
    data = [(x, y[:, None].float(), groups) for x, y, groups in probe(2, shape=(6,))]
    fishers = group_fisher(model, data, layers="0", loss="binary_cross_entropy", group_names=NAMES)
    replaced = copy.deepcopy(model)
    replace_layer(replaced, "0", plain_svd(weight_matrix(replaced[0]), 2))
    found = diagnose(model, replaced, data, fishers=fishers)
    x, y, groups = (torch.cat(part) for part in zip(*probe(2, shape=(6,)), strict=True))
    predicted = (replaced(x).flatten() > 0).long()
    expected = fairness_metrics(y.numpy(), predicted.numpy(), groups.numpy())
    assert found.after.metrics == pytest.approx(expected)
    assert 0 < found.after.metrics["accuracy"] < 1


def test_whole_models() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 14), nn.ReLU(), nn.Linear(14, 9), nn.ReLU(), nn.Linear(9, 2))
    model, data = model.eval(), probe(2, shape=(6,))
    replaced = copy.deepcopy(model)
    result = factorize_model(
        replaced, data, weighting=Neutralized(), rank=RankFraction(0.3), group_names=NAMES
    )
    fishers = {name: layer.fisher for name, layer in result.items() if layer.fisher}
    found = diagnose(model, replaced, data, fishers=fishers)
    assert list(found.layers) == ["0", "2", "4"]
    for name, layer in found.layers.items():
        assert layer.replacement == result[name].replacement
        assert layer.overlaps == group_overlaps(fishers[name])
        assert [pair.groups for pair in layer.overlaps] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert found.before.parameters - found.after.parameters == sum(
        layer.replacement.parameters_before - layer.replacement.parameters_after
        for layer in found.layers.values()
    )


def test_training_is_a_stage_of_its_own(multi_class) -> None:
    model, replaced, fishers = multi_class
    trained = copy.deepcopy(replaced)
    with torch.no_grad():
        trained.head.up.weight.mul_(-1)
    found = diagnose(model, replaced, probe(5), trained=trained, fishers=fishers)
    alone = diagnose(model, trained, probe(5), fishers=fishers)
    assert list(found.stages) == ["before", "after", "trained"]
    assert found.trained == alone.after
    assert found.after == diagnose(model, replaced, probe(5), fishers=fishers).after
    layer = found.layers["head"]
    assert layer.trained_change == alone.layers["head"].replacement.relative_change > 1
    assert layer.replacement.relative_change < 1
    assert found.gap_changes == alone.gap_changes


def test_a_trained_model_may_be_merged_again(multi_class) -> None:
    model, replaced, fishers = multi_class
    merged = copy.deepcopy(replaced)
    merge_layer(merged, "head")
    found = diagnose(model, replaced, probe(5), trained=merged, fishers=fishers)
    assert found.trained.metrics == pytest.approx(found.after.metrics)
    assert found.layers["head"].trained_change is None


def test_group_fisher_is_measured_on_the_probe_set_unless_given(multi_class) -> None:
    model, replaced, fishers = multi_class
    found = diagnose(model, replaced, iter(probe(5)), group_names=NAMES)
    assert found == diagnose(model, replaced, probe(5), fishers=fishers)
    unnamed = diagnose(model, replaced, probe(5))
    assert unnamed.layers["head"].overlaps[0].groups == ("0", "1")
    assert unnamed.after == found.after


def test_layers_that_stay_whole_are_compared_by_their_groups(multi_class) -> None:
    model, _replaced, _fishers = multi_class
    wide = nn.Sequential(model, nn.Linear(5, 5)).eval()
    both = group_fisher(wide, probe(5), layers="all-linear", group_names=NAMES)
    operated = copy.deepcopy(wide)
    replace_layer(operated, "0.head", plain_svd(weight_matrix(wide[0].head), 2))
    found = diagnose(wide, operated, probe(5), fishers=both).layers
    assert list(found) == ["0.head", "1"]
    assert found["1"].replacement is found["1"].trained_change is None
    assert len(found["1"].overlaps) == 3


def test_a_layer_known_only_after_training_has_no_change_at_replacement() -> None:
    original = nn.Linear(4, 3)
    trained = LowRankLinear.from_factors(plain_svd(original.weight, 1), original.bias)
    importance = torch.ones(2, 4, dtype=torch.float64)
    fisher = GroupFisher(("A", "B"), torch.tensor([3, 5]), importance)
    found = diagnose_layer(LayerPair(original, trained=trained), fisher)
    assert math.isnan(found.replacement.relative_change)
    assert found.replacement.rank == 1
    assert found.trained_change > 0


def test_inputs_of_another_structure(multi_class) -> None:
    model, replaced, fishers = multi_class
    expected = diagnose(model, replaced, probe(5), fishers=fishers)
    data = [({"sequence": x}, y, groups) for x, y, groups in probe(5)]
    options = {"forward": lambda model, inputs: model(inputs["sequence"])}
    assert diagnose(model, replaced, data, fishers=fishers, **options) == expected
    assert diagnose(model, replaced, data, group_names=NAMES, **options) == expected


@pytest.mark.parametrize("enabled", [True, False])
def test_operations_of_the_fast_path_of_transformers_are_counted(enabled: bool) -> None:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(8, 2, 32, batch_first=True)
    model = nn.Sequential(encoder, nn.Flatten(), nn.Linear(32, 3)).eval()
    replaced = copy.deepcopy(model)
    replace_layer(replaced, "0.linear1", plain_svd(weight_matrix(encoder.linear1), 2))
    data = probe(3, shape=(4, 8))
    torch.backends.mha.set_fastpath_enabled(enabled)
    try:
        found = diagnose(model, replaced, data)
        assert torch.backends.mha.get_fastpath_enabled() is enabled
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    assert found.before.flops - found.after.flops == 2 * 4 * (8 * 32 - 2 * (8 + 32))


def test_refusals(multi_class) -> None:
    model, replaced, fishers = multi_class
    with pytest.raises(ArgumentError, match=r"replaced='RecurrentClassifier'.*Call factorize"):
        diagnose(model, model, probe(5))
    with pytest.raises(ArgumentError, match=r"original='LowRankLinear'.*Keep copy\.deepcopy"):
        diagnose(replaced, replaced, probe(5))
    with pytest.raises(ArgumentError, match=r"original='Linear'.*an ordinary layer 'head'"):
        diagnose(nn.Linear(5, 5), replaced, probe(5))
    with pytest.raises(ArgumentError, match=r"original=\"'head' of shape \(4, 12\)"):
        diagnose(recurrent(4), replaced, probe(5))
    with pytest.raises(ArgumentError, match=r"fishers=\['input'\].*there is none of 'head'"):
        diagnose(model, replaced, probe(5), fishers={"input": fishers["head"]})
    with pytest.raises(ArgumentError, match=r"probe='dict'.*Group Fisher is fishers="):
        diagnose(model, replaced, fishers)
    with pytest.raises(DataError, match="probe has no row with a group"):
        diagnose(model, replaced, [], fishers=fishers)
    with pytest.raises(ArgumentError, match=r"forward=\(40, 4, 5\).*Select them in forward="):
        diagnose(model, replaced, probe(5), fishers=fishers, forward=lambda model, inputs: inputs)
