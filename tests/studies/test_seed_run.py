from __future__ import annotations

import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from tests.oracles import fairness_oracle
from tests.studies.examples import hiring_task, small_config

from fairfactor.data.encoding import TableEncoder
from fairfactor.data.splits import paper_split
from fairfactor.groups import Groups, encode_groups
from fairfactor.pipeline import predict_probabilities
from fairfactor.studies.seed_run import SeedRun, cells, run_seed


def run(seed: int = 0, task=None, **changes: object) -> SeedRun:
    task = task or hiring_task()
    return run_seed(task, encode_groups(task.sensitive_features), small_config(**changes), seed)


@pytest.fixture(scope="module")
def seed_run() -> SeedRun:
    return run()


def test_cells_are_methods_and_ranks_in_order():
    config = small_config(method=("plain-svd", "head-tuning", "neutralized"), rank=(2, 1))
    assert cells(config) == [
        ("plain-svd", 2),
        ("plain-svd", 1),
        ("head-tuning", None),
        ("neutralized", 2),
        ("neutralized", 1),
    ]


def test_every_cell_has_an_outcome_with_the_same_budget(seed_run):
    config = small_config()
    assert [outcome.cell for outcome in seed_run.outcomes] == cells(config)
    for outcome in seed_run.outcomes:
        assert outcome.seed == 0
        assert (outcome.replacement is None) == (outcome.cell[1] is None)
        assert outcome.seconds > 0
        if outcome.cell[0] == "pretrained":
            assert outcome.history is None
            assert outcome.parameters.trained == 0
        else:
            assert outcome.history.candidates == len(config.learning_rates)
            assert len(outcome.history.validation_loss) == 1 + config.epochs


def test_metrics_are_those_of_the_kept_models_predictions(seed_run):
    task, tuned, last = hiring_task(), seed_run.tuned, seed_run.outcomes[-1]
    test = paper_split(len(task.frame), seed=0)["test"]
    inputs = torch.from_numpy(tuned.encoder.transform(task.inputs.iloc[test]))
    predicted = predict_probabilities(tuned.model, inputs).argmax(1).numpy()
    codes = encode_groups(task.sensitive_features).codes[test]
    expected = fairness_oracle.metrics(task.labels[test], predicted, codes, 2)
    assert tuned.cell == last.cell == ("neutralized", 2)
    for name, value in expected.items():
        assert last.metrics[name] == pytest.approx(value), name
    assert last.counts.cells.sum() == len(test)


def test_the_encoder_knows_the_pretraining_rows_only(seed_run):
    task = hiring_task()
    pretraining = paper_split(len(task.frame), seed=0)["pretraining"]
    expected = TableEncoder.fit(task.inputs.iloc[pretraining], "label")
    assert seed_run.tuned.encoder == expected
    assert seed_run.tuned.encoder.feature_names == ("skill", "hours", "town")


def test_the_pretrained_network_knows_the_pretraining_rows_only():
    """Other labels in the other rows change not one bit of it."""
    task = hiring_task()
    pretraining = paper_split(len(task.frame), seed=0)["pretraining"]
    frame = task.frame.copy()
    others = np.setdiff1d(np.arange(len(frame)), pretraining)
    frame.loc[others, "hired"] = np.where(frame.loc[others, "hired"] == "yes", "no", "yes")
    changed = run(task=replace(task, frame=frame), method=("pretrained",))
    same = run(method=("pretrained",))
    for name, tensor in same.tuned.model.state_dict().items():
        assert torch.equal(changed.tuned.model.state_dict()[name], tensor)


def test_groups_are_counted_in_every_part(seed_run):
    sizes = seed_run.group_sizes
    assert list(sizes) == ["pretraining", "train", "validation", "test"]
    total = Groups(encode_groups(hiring_task().sensitive_features).codes, ("f", "m")).counts
    np.testing.assert_array_equal(sum(sizes.values()), total)
    np.testing.assert_array_equal(sizes["train"], seed_run.fisher.counts.numpy())
    np.testing.assert_array_equal(sizes["test"], seed_run.outcomes[0].counts.sizes)


def test_every_part_of_the_work_is_timed(seed_run):
    assert set(seed_run.seconds) == {
        "data",
        "pretraining",
        "fisher",
        "features",
        "factorize",
        "finetune",
        "evaluate",
    }


def test_the_seed_decides_everything(seed_run):
    again, other = run(), run(seed=1)
    for first, second in zip(seed_run.outcomes, again.outcomes, strict=True):
        assert first.metrics == second.metrics
        assert first.history == second.history
        assert first.replacement == second.replacement
    assert torch.equal(seed_run.fisher.row_importance, again.fisher.row_importance)
    assert not torch.equal(seed_run.fisher.row_importance, other.fisher.row_importance)
    different = [asdict(outcome)["metrics"] for outcome in other.outcomes]
    assert different != [outcome.metrics for outcome in seed_run.outcomes]


def test_single_fits_do_not_warn():
    """Full rank and a loss that rises are findings of the study, said once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(rank=(2,), learning_rates=(1000.0,))
    assert caught == []


def test_the_table_is_left_alone():
    task = hiring_task()
    before = task.frame.copy()
    run(task=task, method=("pretrained",))
    assert task.frame.equals(before)


def test_diagnosis_is_that_of_the_kept_model_on_validation_rows(seed_run):
    task, found = hiring_task(), seed_run.diagnosis
    rows = paper_split(len(task.frame), seed=0)["validation"]
    inputs = torch.from_numpy(seed_run.tuned.encoder.transform(task.inputs.iloc[rows]))
    predicted = predict_probabilities(seed_run.tuned.model, inputs).argmax(1).numpy()
    assert found.rows == len(rows)
    assert list(found.stages) == ["before", "after", "trained"]
    accuracy = np.mean(predicted == task.labels[rows])
    assert found.trained.metrics["accuracy"] == pytest.approx(accuracy)
    last = seed_run.outcomes[-1]
    assert found.layers["head"].replacement == last.replacement
    assert found.after.metrics == found.before.metrics  # rank 2 is the full rank
    assert found.trained.parameters == last.parameters.total


def test_a_model_that_keeps_its_layer_has_no_diagnosis():
    assert run(method=("neutralized", "head-tuning")).diagnosis is None
