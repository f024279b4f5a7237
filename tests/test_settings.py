from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Literal

import pytest

from fairfactor.errors import ArgumentError
from fairfactor.settings import Settings, check_choice, check_choices, option


@dataclass(frozen=True)
class Example(Settings):
    colour: Literal["red", "green"] = option("red", "A colour.")
    names: tuple[str, ...] = option(("a",), "Names.")
    size: int = option(1, "A size.")
    rates: tuple[float, ...] = option((), "Rates.")
    share: float | None = option(None, "A share.")
    label: str | None = option(None, "A label.")


@dataclass(frozen=True)
class Extended(Example):
    other: int = option(2, "Another.")


def test_a_round_trip_through_json():
    example = Extended("green", ("x", "y"), 3, (0.5, 1.0), 0.25, "b", 4)
    text = json.dumps(example.to_dict())
    assert Extended.from_dict(json.loads(text)) == example
    assert list(json.loads(text)) == [field.name for field in fields(Extended)]
    assert Example.from_dict({}) == Example()


def test_help_texts_are_kept_with_the_fields():
    assert fields(Example)[0].metadata["help"] == "A colour."


def test_whole_numbers_are_floats_where_a_float_is_wanted():
    example = Example(rates=[1, 2], share=1)
    assert [type(number) for number in (*example.rates, example.share)] == [float] * 3


def test_it_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Example().size = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"colour": "gren"}, r"^colour='gren'.*one of red, green\. Did you mean 'green'"),
        ({"colour": None}, r"^colour=None"),
        ({"colour": []}, r"^colour=\[\]"),
        ({"names": "a"}, r"^names='a'.*of type tuple"),
        ({"names": [1]}, r"^names=1 .*of type str"),
        ({"size": True}, r"^size=True .*of type int"),
        ({"size": 1.0}, r"^size=1\.0 .*of type int"),
        ({"rates": [True]}, r"^rates=True .*of type float"),
        ({"share": "0.5"}, r"^share='0\.5' .*of type float"),
        ({"label": 3}, r"^label=3 .*of type str"),
        ({"colours": "red"}, r"^configuration key='colours'.*Did you mean 'colour'"),
        ({"zzz": 1}, r"^configuration key='zzz'.*one of colour, names, size"),
        ({3: 1}, r"^configuration key=3"),
    ],
)
def test_an_unusable_value_is_named(values, text):
    with pytest.raises(ArgumentError, match=text):
        Example.from_dict(values)


def test_a_choice_is_one_of_the_names():
    check_choice("colour", "red", ("red", "green"))
    with pytest.raises(ArgumentError, match=r"^colour='blue' is not usable: expected one of red"):
        check_choice("colour", "blue", ("red", "green"))


def test_several_choices_are_different_names():
    check_choices("colours", ("red", "green"), ("red", "green"))
    for wrong, text in (
        ((), r"^colours=\(\) .*one or more different names of red, green"),
        (("red", "red"), r"^colours=\('red', 'red'\)"),
        (("red", "gren"), r"^colours='gren'.*Did you mean 'green'"),
    ):
        with pytest.raises(ArgumentError, match=text):
            check_choices("colours", wrong, ("red", "green"))
