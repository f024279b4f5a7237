from __future__ import annotations

import json

import pytest

from fairfactor.errors import ArgumentError
from fairfactor.mitigation import DEFAULT
from fairfactor.tune_config import DataSettings, TuneConfig, require_confidence


def test_a_round_trip_through_json():
    config = TuneConfig(
        data="people.csv",
        target="hired",
        positive="yes",
        sensitive=("sex", "age band"),
        minimum_group_size=0,
        hidden=(8,),
        backbone="boosted-trees",
        constraint=("equalized_odds<=5%", "accuracy>=0.8"),
        confidence=0.75,
        recipes=("bias-aware",),
        seed=4,
    )
    assert TuneConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_default_explores_adult():
    config = TuneConfig()
    assert (config.data, config.sensitive, config.constraint) == ("adult", ("sex",), ())
    assert config.recipes == DEFAULT
    assert config.backbone == "network"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"sensitive": ("a", "a")}, r"^sensitive=\('a', 'a'\)"),
        ({"minimum_group_size": -1}, r"^minimum_group_size=-1"),
        ({"hidden": ()}, r"^hidden=\(\).*at least one hidden layer"),
        ({"hidden": (8, 0)}, r"^hidden=0"),
        ({"target": 3}, r"^target=3"),
    ],
)
def test_unusable_data_settings_are_named(values, text):
    with pytest.raises(ArgumentError, match=text):
        DataSettings(**values)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"constraint": ("equalised_odd<=0.05",)}, r"'equalized_odd'.*Did you mean 'equalized_od"),
        ({"constraint": ("equalized_odds<=5",)}, r"^bound=5\.0.*from 0 to 1 for equalized_odds.*%"),
        (
            {"constraint": ("equalized_odds>=0.05",)},
            r"^constraint='equalized_odds>=0\.05'.*sign <=",
        ),
        ({"constraint": ("accuracy>=0.8", "fair")}, r"^constraint='fair'.*equalized_odds<=0\.05'"),
        ({"constraint": "accuracy>=0.8"}, r"^constraint='accuracy>=0\.8'.*of type tuple"),
        ({"recipes": ("late-feature",)}, r"^recipes='late-feature'.*Did you mean 'late-features'"),
        ({"recipes": ()}, r"^recipes=\(\).*one or more different names of late-features"),
        ({"recipes": ("low-rank", "low-rank")}, r"^recipes=\('low-rank', 'low-rank'\)"),
        ({"confidence": 1.5}, r"^confidence=1\.5"),
        ({"seed": -1}, r"^seed=-1"),
        ({"seed": 10**20}, r"^seed=1000"),
    ],
)
def test_an_unusable_value_is_named(values, text):
    with pytest.raises(ArgumentError, match=text):
        TuneConfig(**values)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5, -0.1, float("nan"), float("inf")])
def test_a_confidence_is_between_0_and_1(confidence):
    require_confidence(0.9)
    with pytest.raises(ArgumentError, match=r"^confidence=.*between 0 and 1, as 0\.9"):
        require_confidence(confidence)
