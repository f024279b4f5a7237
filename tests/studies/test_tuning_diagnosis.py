from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from tests.studies.examples import hiring_task, small_tuning
from torch import nn

from fairfactor.groups import encode_groups
from fairfactor.importance import group_fisher
from fairfactor.mitigation.bias_aware import fit_bias_aware
from fairfactor.problem import predict_classes
from fairfactor.studies.tuning import Tuning
from fairfactor.studies.tuning_diagnosis import _layer_pairs, diagnose_tuning
from fairfactor.surgery import LowRankLayer, count_parameters


@pytest.fixture(scope="module")
def low_rank() -> Tuning:
    return small_tuning("equalized_odds<=0.3", recipes=("low-rank",))


def test_stages_are_the_backbone_and_the_chosen_model(low_rank: Tuning) -> None:
    found = diagnose_tuning(low_rank)
    problem, chosen = low_rank.problem, low_rank.tuned.chosen
    rows = problem.validation
    assert found.rows == len(rows.labels)
    assert list(found.stages) == ["before", "trained"]
    before, after = (
        predict_classes(model, rows.inputs) for model in (problem.backbone, chosen.decide)
    )
    labels = rows.labels.numpy()
    assert found.before.metrics["accuracy"] == pytest.approx(np.mean(before == labels))
    assert found.trained.metrics["accuracy"] == pytest.approx(np.mean(after == labels))
    assert found.trained.changed_predictions == pytest.approx(np.mean(before != after))
    assert found.trained.metrics["equalized_odds_difference_worst_case"] == pytest.approx(
        chosen.metric("equalized_odds")
    )
    assert found.before.parameters == count_parameters(problem.backbone).total


def test_layers_are_those_of_the_backbone(low_rank: Tuning) -> None:
    found = diagnose_tuning(low_rank).layers
    backbone = low_rank.problem.backbone
    assert list(found) == [n for n, m in backbone.named_modules() if isinstance(m, nn.Linear)]
    *hidden, head = found
    for name in hidden:
        report = found[name].replacement
        assert report.rank >= 1
        assert math.isnan(report.relative_change)
        assert found[name].trained_change > 0
        assert report.parameters_after < report.parameters_before
    assert found[head].replacement is found[head].trained_change is None
    train = low_rank.problem.train
    fisher = group_fisher(
        backbone, [(train.inputs, train.labels, train.groups)], layers="all-linear"
    )
    for name, layer in found.items():
        correlation = torch.corrcoef(fisher[name].row_importance)[0, 1]
        assert layer.overlaps[0].correlation == pytest.approx(float(correlation))
        assert layer.overlaps[0].groups == ("f", "m")


def test_models_that_keep_the_layers_have_no_replacement(tuning: Tuning) -> None:
    found = diagnose_tuning(tuning)
    assert all(layer.replacement is None for layer in found.layers.values())
    assert all(layer.overlaps for layer in found.layers.values())


def test_factors_in_a_copy_of_the_backbone_are_found(low_rank: Tuning) -> None:
    fitted = next(fit_bias_aware(low_rank.problem, 0))
    pairs = _layer_pairs(low_rank.problem.backbone, fitted.model)
    assert pairs
    for name, pair in pairs.items():
        assert pair.original is low_rank.problem.backbone.get_submodule(name)
        assert isinstance(pair.trained, LowRankLayer)


def test_a_group_without_training_rows_is_left_out_of_the_overlaps(tuning: Tuning) -> None:
    problem = tuning.problem
    groups = problem.train.groups.clone()
    groups[groups == 1] = -1
    train = dataclasses.replace(problem.train, groups=groups)
    lacking = dataclasses.replace(tuning, problem=dataclasses.replace(problem, train=train))
    found = diagnose_tuning(lacking)
    assert all(layer.overlaps == () for layer in found.layers.values())
    assert len(encode_groups(hiring_task().sensitive_features).names) == 2
