from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairfactor.config import RunConfig
from fairfactor.errors import ArgumentError
from fairfactor.methods import METHODS

LARGEST = 2**32


def several(values: st.SearchStrategy, **options: int) -> st.SearchStrategy:
    return st.lists(values, **options).map(tuple)


positive = st.floats(1e-9, 1e3)
configs = st.builds(
    RunConfig,
    rows=st.sampled_from(["complete", "all"]),
    encoding=st.sampled_from(["paper", "label", "one_hot"]),
    sensitive=several(st.sampled_from(["sex", "race", "age-group"]), min_size=1, max_size=3).filter(
        lambda names: len(set(names)) == len(names)
    ),
    minimum_group_size=st.integers(0, LARGEST),
    hidden=several(st.integers(2, 1_000_000), max_size=3),
    method=st.permutations(list(METHODS)).map(lambda names: tuple(names[:2])),
    rank=st.sampled_from([(1,), (2,), (1, 2), (2, 1)]),
    alpha=st.none() | st.floats(0, 1),
    seeds=st.integers(1, LARGEST),
    first_seed=st.integers(0, LARGEST),
    pretraining_epochs=st.integers(1, LARGEST),
    pretraining_rate=positive,
    epochs=st.integers(1, LARGEST),
    learning_rates=several(positive, min_size=1, max_size=3),
    batch_size=st.integers(1, LARGEST),
)


@given(config=configs)
@settings(deadline=None, max_examples=30)
def test_a_round_trip_through_json_keeps_every_field(config: RunConfig) -> None:
    text = json.dumps(config.to_dict(), allow_nan=False)
    assert RunConfig.from_dict(json.loads(text)) == config


def test_missing_fields_take_their_defaults() -> None:
    assert RunConfig.from_dict({}) == RunConfig()
    assert RunConfig.from_dict({"seeds": 3}) == RunConfig(seeds=3)


def test_the_default_is_the_papers_experiment() -> None:
    config = RunConfig()
    assert (config.data, config.encoding, config.sensitive) == ("adult", "paper", ("sex",))
    assert config.widths == (20, 20)
    assert config.method == tuple(METHODS)
    assert (config.rank, config.alpha, config.seeds) == ((1, 2), None, 10)


def test_every_field_has_a_help_text() -> None:
    for field in dataclasses.fields(RunConfig):
        assert field.metadata["help"].endswith("."), field.name


def test_lists_become_tuples_and_numbers_floats() -> None:
    config = RunConfig(rank=[2], learning_rates=[1], alpha=1)  # type: ignore[arg-type]
    assert (config.rank, config.learning_rates, config.alpha) == ((2,), (1.0,), 1.0)
    assert type(config.alpha) is float
    assert hash(config) == hash(RunConfig(rank=(2,), learning_rates=(1.0,), alpha=1.0))


@pytest.mark.parametrize(
    ("key", "near"), [("seed", "'seeds'"), ("learning_rate", "'learning_rates'")]
)
def test_an_unknown_key_names_the_nearest(key: str, near: str) -> None:
    with pytest.raises(ArgumentError, match=f"^configuration key='{key}'.*Did you mean {near}"):
        RunConfig.from_dict({key: 1})


def test_an_unknown_key_without_a_near_one_lists_the_keys() -> None:
    with pytest.raises(ArgumentError, match=r"^configuration key='zzz'.*one of data, target, .*"):
        RunConfig.from_dict({"zzz": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data", 5),
        ("data", ["adult"]),
        ("rows", 1),
        ("encoding", True),
        ("sensitive", "sex"),
        ("sensitive", [1]),
        ("sensitive", {"sex": 1}),
        ("minimum_group_size", "3"),
        ("minimum_group_size", 3.0),
        ("hidden", 20),
        ("hidden", [20.0]),
        ("hidden", [True]),
        ("method", "neutralized"),
        ("rank", 1),
        ("rank", ["1"]),
        ("rank", [[1]]),
        ("alpha", "0.5"),
        ("alpha", [0.5]),
        ("alpha", True),
        ("seeds", None),
        ("seeds", 1.0),
        ("seeds", True),
        ("first_seed", "0"),
        ("pretraining_epochs", []),
        ("pretraining_rate", None),
        ("pretraining_rate", "0.1"),
        ("epochs", {}),
        ("learning_rates", 0.1),
        ("learning_rates", ["0.1"]),
        ("learning_rates", [None]),
        ("batch_size", "256"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    for make in (RunConfig.from_dict, lambda values: RunConfig(**values)):
        with pytest.raises(ArgumentError, match=f"^{name}="):
            make({name: value})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("rows", "complet", r"Did you mean 'complete'"),
        ("encoding", "onehot", r"Did you mean 'one_hot'"),
        ("sensitive", ("sex", "sex"), r"different columns"),
        ("minimum_group_size", -1, r"an integer from 0"),
        ("minimum_group_size", LARGEST + 1, r"to 4294967296"),
        ("hidden", (20, 0), r"an integer from 1"),
        ("hidden", (-1, 20), r"an integer from 1"),
        ("hidden", (1_000_001,), r"to 1000000"),
        ("method", (), r"one or more different values"),
        ("method", ("head-tuning", "head-tuning"), r"one or more different values"),
        ("method", ("neutralised",), r"one of pretrained.*Did you mean 'neutralized'"),
        ("rank", (), r"one or more different values"),
        ("rank", (1, 1), r"one or more different values"),
        ("rank", (0,), r"from 1 to 2, the smaller side of the last layer"),
        ("rank", (1, 3), r"rank=3|from 1 to 2"),
        ("alpha", -0.001, r"from 0 to 1"),
        ("alpha", 1.001, r"from 0 to 1"),
        ("alpha", math.nan, r"from 0 to 1"),
        ("seeds", 0, r"an integer from 1"),
        ("seeds", LARGEST + 1, r"to 4294967296"),
        ("first_seed", -1, r"an integer from 0"),
        ("first_seed", 10**30, r"to 4294967296"),
        ("pretraining_epochs", 0, r"an integer from 1"),
        ("pretraining_rate", 0, r"a positive finite number"),
        ("pretraining_rate", math.nan, r"a positive finite number"),
        ("pretraining_rate", math.inf, r"a positive finite number"),
        ("epochs", 0, r"an integer from 1"),
        ("learning_rates", (), r"one or more positive finite numbers"),
        ("learning_rates", (0.1, -0.1), r"one or more positive finite numbers"),
        ("learning_rates", (math.inf,), r"one or more positive finite numbers"),
        ("batch_size", 0, r"an integer from 1"),
        ("batch_size", 10**30, r"to 4294967296"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: object, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{name}=.*{text}"):
        RunConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("minimum_group_size", 0),
        ("hidden", (1_000_000,)),
        ("alpha", 0.0),
        ("alpha", 1.0),
        ("seeds", 1),
        ("first_seed", 0),
        ("first_seed", LARGEST),
        ("pretraining_epochs", 1),
        ("epochs", 1),
        ("batch_size", 1),
        ("batch_size", LARGEST),
    ],
)
def test_the_ends_of_a_range_belong_to_it(name: str, value: object) -> None:
    assert getattr(RunConfig(**{name: value}), name) == value


def test_the_rank_is_bounded_by_the_last_hidden_layer() -> None:
    with pytest.raises(ArgumentError, match=r"^rank=2 .*from 1 to 1.*Use --rank 1 or less"):
        RunConfig(hidden=(20, 1))
    assert RunConfig(hidden=(), rank=(1, 2)).rank == (1, 2)


@pytest.mark.parametrize(
    ("encoding", "table_encoding", "weight"),
    [("paper", "label", True), ("label", "label", False), ("one_hot", "one_hot", False)],
)
def test_the_papers_encoding_has_the_survey_weight(encoding, table_encoding, weight) -> None:
    config = RunConfig(encoding=encoding)
    assert config.table_encoding == table_encoding
    assert ("fnlwgt" in config.load().input_columns) == weight
    assert RunConfig(encoding=encoding, data="german").table_encoding in {"one_hot", encoding}


def test_budgets_and_seeds_follow_from_the_fields() -> None:
    config = RunConfig(
        seeds=3,
        first_seed=5,
        pretraining_epochs=4,
        pretraining_rate=0.5,
        epochs=6,
        learning_rates=(0.2, 0.1),
        batch_size=7,
    )
    assert list(config.all_seeds) == [5, 6, 7]
    tuning, pretraining = config.finetuning, config.pretraining
    assert (tuning.learning_rates, tuning.epochs, tuning.batch_size) == ((0.2, 0.1), 6, 7)
    assert (pretraining.learning_rates, pretraining.epochs, pretraining.batch_size) == (
        (0.5,),
        4,
        7,
    )
