from __future__ import annotations

import json

import pytest

from fairfactor.compare_config import CompareConfig
from fairfactor.errors import ArgumentError
from fairfactor.peers import PEERS


def test_a_round_trip_through_json():
    config = CompareConfig(
        data="people.csv",
        target="hired",
        peers=("unmitigated", "fairret-eo"),
        settings=2,
        recipes=("low-rank",),
        seeds=3,
        first_seed=7,
    )
    assert CompareConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert list(config.all_seeds) == [7, 8, 9]


def test_the_default_asks_for_every_peer():
    assert CompareConfig().peers == tuple(PEERS)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"peers": ("fairgrad-e",)}, r"^peers='fairgrad-e'.*Did you mean 'fairgrad-eo'"),
        ({"peers": ()}, r"^peers=\(\)"),
        ({"peers": ("leace", "leace")}, r"^peers=\('leace', 'leace'\).*different"),
        ({"recipes": ("low",)}, r"^recipes='low'"),
        ({"recipes": ()}, r"^recipes=\(\)"),
        ({"settings": 0}, r"^settings=0"),
        ({"seeds": 0}, r"^seeds=0"),
        ({"first_seed": -1}, r"^first_seed=-1"),
        ({"hidden": ()}, r"^hidden=\(\)"),
        ({"backbone": "boosted-tree"}, r"^backbone='boosted-tree'.*Did you mean 'boosted-trees'"),
    ],
)
def test_an_unusable_value_is_named(values, text):
    with pytest.raises(ArgumentError, match=text):
        CompareConfig(**values)
