from dataclasses import replace

import pytest
from tests.studies.examples import DESCRIPTION, FROZEN, hiring_task, small_config

from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.studies.task_groups import task_groups
from fairfactor.studies.work_plan import _encoder_steps, plan_work
from fairfactor.tune_config import TuneConfig


def plan(config, rows=600, **options):
    task = hiring_task(rows)
    return plan_work(task, task_groups(task, 0), config, DESCRIPTION, **options)


def test_the_layers_are_those_of_the_network():
    found = plan(TuneConfig(hidden=(8, 6), recipes=FROZEN))
    assert [(layer.name, layer.shape, layer.parameters) for layer in found.layers] == [
        ("hidden1", (8, 5), 48),
        ("hidden2", (6, 8), 54),
        ("head", (2, 6), 14),
    ]
    assert found.parameters == 116
    assert found.layers[1].break_even_rank == 3


def test_the_groups_have_their_sizes_in_each_part():
    found = plan(small_config())
    for part, size in found.data["splits"].items():
        assert sum(group[part] for group in found.data["groups"]) == size
    assert set(found.data["splits"]) == {"pretraining", "train", "validation", "test"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (RunConfig(seeds=3), ["3 seeds", "15 epochs", "8 ways", "ranks 1, 2"]),
        (TuneConfig(constraint=("equalized_odds<=0.1",)), ["pre-train", "low-rank", "equalized"]),
        (CompareConfig(peers=("unmitigated",), seeds=2), ["2 seeds", "1 peers at up to 3"]),
    ],
)
def test_the_steps_are_named(config, words):
    text = " ".join(plan(config).steps)
    assert all(word in text for word in words)


def test_more_work_takes_more_time_and_more_rows_more_memory():
    little, much = (plan(small_config(seeds=seeds)) for seeds in (1, 40))
    assert 0 < little.seconds < much.seconds
    few, many = (plan(TuneConfig(), rows) for rows in (600, 6000))
    assert few.memory < many.memory
    assert plan(small_config(seeds=40), workers=8).seconds < much.seconds


def test_tuning_an_encoder_is_a_step():
    plain = TuneConfig(data="text-templates")
    assert _encoder_steps(plain) == ()
    [step] = _encoder_steps(replace(plain, layers=("all-linear",), mode="adapter"))
    assert step.startswith("tune an adapter on all-linear of the encoder, 3 epochs")
