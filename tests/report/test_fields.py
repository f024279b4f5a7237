from __future__ import annotations

import math

import pytest

from fairfactor.errors import SavedModelError
from fairfactor.report.fields import Fields


def test_reads_values_by_type() -> None:
    fields = Fields({"a": 1, "b": "x", "c": [1, None], "d": {"e": 2.5}, "f": [[1], [math.nan]]})
    assert fields.number("a") == 1.0
    assert fields.text("a") == "1"
    assert fields.text("b") == "x"
    assert fields.numbers("c") == (1.0, None)
    assert fields.texts("c") == ("1", "—")
    assert fields.child("d").number("e") == 2.5
    assert fields.child("d").named_numbers() == {"e": 2.5}
    assert fields.matrix("f") == ((1.0,), (None,))
    assert not fields.has("z")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_number(value: float | None) -> None:
    assert Fields({"a": value}).number("a") is None


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        ("number", "1", "a str at 'p.a' where a number or null"),
        ("number", True, "a bool at 'p.a' where a number or null"),
        ("text", {}, "a dict at 'p.a' where a string"),
        ("numbers", 3, "a int at 'p.a' where a list"),
        ("matrix", [3], "a int at 'p.a' where a list"),
        ("texts", [[]], "a list at 'p.a' where a string"),
        ("child", None, "a NoneType at 'p.a' where an object"),
        ("children", [{}, 4], "a int at 'p.a\\[1\\]' where an object"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(read: str, value: object, message: str) -> None:
    with pytest.raises(SavedModelError, match=message):
        getattr(Fields({"a": value}, "p"), read)("a")


def test_a_missing_key_is_named_with_its_place() -> None:
    with pytest.raises(SavedModelError, match=r"no key 'p\.a'"):
        Fields({}, "p").number("a")


def test_optional_entries_are_none_for_null() -> None:
    fields = Fields({"met": None, "kept": False, "model": None, "folder": "model"})
    assert fields.optional_flag("met") is None
    assert fields.optional_flag("kept") is False
    assert fields.optional_text("model") is None
    assert fields.optional_text("folder") == "model"
    with pytest.raises(SavedModelError, match="no key 'gone'"):
        fields.optional_text("gone")


def test_flags_by_name_and_objects_without_some_entries() -> None:
    fields = Fields({"a": True, "b": None, "label": "text"}, "point")
    assert fields.without("label").named_flags() == {"a": True, "b": False}
    with pytest.raises(SavedModelError, match=r"no key 'point\.label'"):
        fields.without("label").text("label")


def test_marks_that_turn_the_reading_order_end_with_their_text() -> None:
    fields = Fields({"name": "a\u202eb", "plain": "مجموعة"})
    assert fields.text("name") == "\u2068a\u202eb\u2069"
    assert fields.text("plain") == "مجموعة"
