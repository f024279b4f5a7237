from __future__ import annotations

import json
import math
from typing import Any

import pytest
from tests.diagnosis.example import diagnosis, layer, overlap, replacement, stage

from fairfactor.diagnosis import Diagnosis, signatures
from fairfactor.errors import SavedModelError

EXAMPLES = [
    diagnosis(),
    diagnosis(after=None, layers={}),
    diagnosis(trained=None, layers={"a": layer(trained_change=None, overlaps=())}),
    diagnosis(layers={"a": layer(replacement=None), "b": layer(condition=3)}),
]


@pytest.mark.parametrize("made", EXAMPLES, ids=str)
def test_json_gives_the_diagnosis_back(made: Diagnosis) -> None:
    text = json.dumps(made.to_json(), allow_nan=False)
    assert Diagnosis.from_json(json.loads(text)) == made


def test_what_is_not_finite_is_null_and_reads_as_nan() -> None:
    broken = layer(
        condition=math.inf,
        replacement=replacement(relative_change=math.nan),
        overlaps=(overlap(math.nan, math.inf),),
    )
    made = diagnosis(before=stage(accuracy=math.nan), layers={"a": broken})
    content = json.loads(json.dumps(made.to_json(), allow_nan=False))
    assert content["layers"]["a"]["condition"] is None
    found = Diagnosis.from_json(content)
    assert math.isnan(found.layers["a"].condition)
    assert math.isnan(found.before.metrics["accuracy"])
    assert found.to_json() == content


def test_the_signatures_are_written_for_readers_in_other_languages() -> None:
    content = diagnosis().to_json()
    assert [entry["code"] for entry in content["signatures"]] == [
        finding.code for finding in signatures(diagnosis())
    ]
    content["signatures"] = content["added_later"] = "anything"
    assert Diagnosis.from_json(content) == diagnosis()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("groups",), None, r"a NoneType at 'diagnosis\.groups'"),
        (("groups", "A"), "9", r"a str at 'diagnosis\.groups\.A'"),
        (("before",), None, r"a NoneType at 'diagnosis\.before'"),
        (("before", "flops"), True, r"a bool at 'diagnosis\.before\.flops'"),
        (("layers",), [], r"a list at 'diagnosis\.layers'"),
        (("layers", "hidden", "overlaps"), 3, r"a int at 'diagnosis\.layers\.hidden\.overlaps'"),
        (("layers", "hidden", "overlaps", 0, "groups"), ["A"], r"1 entries at .*\.groups'"),
        (("layers", "hidden", "replacement", "rank"), 1.5, r"a float at .*\.replacement\.rank'"),
    ],
)
def test_damaged_content_is_refused_by_name(
    path: tuple[Any, ...], value: Any, message: str
) -> None:
    content = diagnosis().to_json()
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(SavedModelError, match=message):
        Diagnosis.from_json(content)


def test_a_missing_key_is_named() -> None:
    content = diagnosis().to_json()
    del content["layers"]["hidden"]["condition"]
    with pytest.raises(SavedModelError, match=r"no key 'diagnosis\.layers\.hidden\.condition'"):
        Diagnosis.from_json(content)
    with pytest.raises(SavedModelError, match="a list at 'diagnosis'"):
        Diagnosis.from_json([])
