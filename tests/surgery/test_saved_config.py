from __future__ import annotations

import json

import pytest

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.surgery import LowRankLinear
from fairfactor.surgery.record import LayerRecord
from fairfactor.surgery.saved_config import FORMAT_VERSION, SavedConfig

CONFIG = SavedConfig(
    fairfactor_version="0.1.0",
    layers={"fc": LayerRecord.of(LowRankLinear(6, 4, 2))},
    aliases={"b": "a"},
    tensors_sha256="0" * 64,
    extra={"größe": [1, 2.5, None, {"nested": True}]},
)


def changed(**changes: object) -> bytes:
    return json.dumps(json.loads(CONFIG.to_bytes()) | changes).encode()


def test_round_trip() -> None:
    assert SavedConfig.from_bytes(CONFIG.to_bytes()) == CONFIG


@pytest.mark.parametrize(
    "extra", [{"a": float("nan")}, {"a": float("inf")}, {"a": object()}, {"a": {1, 2}}, [1]]
)
def test_refuses_extra_that_is_no_json(extra: object) -> None:
    config = SavedConfig("0.1.0", {}, {}, "", extra)
    with pytest.raises(ArgumentError, match=r"^extra=.*JSON values"):
        config.to_bytes()


def test_refuses_extra_that_refers_to_itself() -> None:
    extra: dict[str, object] = {}
    extra["self"] = extra
    with pytest.raises(ArgumentError, match=r"^extra="):
        SavedConfig("0.1.0", {}, {}, "", extra).to_bytes()


def test_refuses_extra_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairfactor.surgery.saved_config.CONFIG_LIMIT", 1000)
    with pytest.raises(ArgumentError, match="at most 1,000 bytes"):
        SavedConfig("0.1.0", {}, {}, "", {"a": "b" * 1000}).to_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"3",
        b"null",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"[" * 200_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b"\x80\x04K\x01.",  # a pickle
    ],
)
def test_refuses_what_is_no_json_object(data: bytes) -> None:
    with pytest.raises(SavedModelError, match=r"^config\.json is damaged"):
        SavedConfig.from_bytes(data)


def test_refuses_other_formats() -> None:
    with pytest.raises(SavedModelError, match="Name a folder that save_model wrote"):
        SavedConfig.from_bytes(b'{"model_type": "bert"}')


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 0, "1", 1.0, True, None])
def test_refuses_other_versions_by_name(version: object) -> None:
    with pytest.raises(SavedModelError) as caught:
        SavedConfig.from_bytes(changed(format_version=version, fairfactor_version="9.9"))
    assert f"format_version is {version!r}" in str(caught.value)
    assert f"reads version {FORMAT_VERSION}" in str(caught.value)
    assert "Install the fairfactor that saved it ('9.9')" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"layers": []},
        {"layers": {"fc": 3}},
        {"aliases": {"b": 3}},
        {"aliases": None},
        {"tensors_sha256": 3},
        {"fairfactor_version": 3},
        {"extra": [1]},
        {"surprise": 1},
    ],
)
def test_refuses_values(changes: dict[str, object]) -> None:
    with pytest.raises(SavedModelError, match=r"^config\.json"):
        SavedConfig.from_bytes(changed(**changes))


def test_refuses_a_missing_key() -> None:
    values = json.loads(CONFIG.to_bytes())
    del values["layers"]
    with pytest.raises(SavedModelError, match="its keys are"):
        SavedConfig.from_bytes(json.dumps(values).encode())
