import pytest

from fairfactor.errors import ArgumentError
from fairfactor.text_tuning import TextTuningConfig


def test_the_share_depends_on_the_mode_unless_it_is_given():
    assert TextTuningConfig().factor_share == 0.5
    assert TextTuningConfig(mode="adapter").factor_share == 0.05
    assert TextTuningConfig(mode="adapter", share=0.3).factor_share == 0.3


def test_it_goes_through_json():
    config = TextTuningConfig(layers=("head", "*.attention.*"), objective="balanced")
    assert TextTuningConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layers", ()),
        ("mode", "insert"),
        ("weighting", "svd"),
        ("objective", "fair"),
        ("share", 0.0),
        ("share", 1.5),
        ("strength", -1.0),
        ("learning_rate", float("nan")),
        ("epochs", 0),
        ("batch_size", 0),
        ("accumulation", 0),
        ("measured_rows", 0),
        ("precision", "fp8"),
        ("seed", -1),
    ],
)
def test_refusals(name, value):
    with pytest.raises(ArgumentError, match=name):
        TextTuningConfig(**{name: value})
