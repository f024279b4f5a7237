"""The config.json of a saved model: format, surgery record and digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.surgery.record import LayerRecord

FORMAT = "fairfactor.model"
FORMAT_VERSION = 1
CONFIG_LIMIT = 2**26
_KEYS = frozenset(
    {
        "format",
        "format_version",
        "fairfactor_version",
        "layers",
        "aliases",
        "tensors_sha256",
        "extra",
    }
)


@dataclass(frozen=True)
class SavedConfig:
    """What a saved model says about itself.

    Attributes:
        fairfactor_version: The version of fairfactor that saved it.
        layers: The surgery, by name of the replaced layer.
        aliases: Tensors that share memory: later name → first name, the one in the file.
        tensors_sha256: SHA-256 over the contents of the tensors.
        extra: JSON values that the caller of `save_model` added.
    """

    fairfactor_version: str
    layers: Mapping[str, LayerRecord]
    aliases: Mapping[str, str]
    tensors_sha256: str
    extra: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """Write as JSON.

        Returns:
            The content of config.json.

        Raises:
            ArgumentError: ``extra`` holds what JSON has not, or too much of it.
        """
        values = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "fairfactor_version": self.fairfactor_version,
            "layers": {name: record.to_json() for name, record in self.layers.items()},
            "aliases": dict(self.aliases),
            "tensors_sha256": self.tensors_sha256,
        }
        try:
            text = json.dumps(
                values | {"extra": dict(self.extra)}, indent=2, allow_nan=False, ensure_ascii=False
            )
            data = text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise ArgumentError(
                "extra", self.extra, f"JSON values without NaN or infinity ({error})"
            ) from error
        if len(data) > CONFIG_LIMIT:
            raise ArgumentError(
                "extra",
                f"{len(data):,} bytes",
                f"at most {CONFIG_LIMIT:,} bytes of JSON",
                "Save large data in a file of its own.",
            )
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read JSON of unknown origin.

        Args:
            data: The content of config.json.

        Returns:
            The config.

        Raises:
            SavedModelError: It is not JSON, not of this format and version, or incomplete.
        """
        values = _json_object(data)
        _require_version(values)
        if set(values) != _KEYS:
            raise SavedModelError(
                _damaged(f"its keys are {sorted(values)}, expected {sorted(_KEYS)}")
            )
        for key, kind in (
            ("fairfactor_version", str),
            ("layers", dict),
            ("aliases", dict),
            ("tensors_sha256", str),
            ("extra", dict),
        ):
            if not isinstance(values[key], kind):
                raise SavedModelError(
                    _damaged(f"{key} is {values[key]!r:.60}, expected a {kind.__name__}")
                )
        if not all(isinstance(name, str) for name in values["aliases"].values()):
            raise SavedModelError(_damaged("aliases has a value that is not a name"))
        return cls(
            fairfactor_version=values["fairfactor_version"],
            layers={
                name: LayerRecord.from_json(name, record)
                for name, record in values["layers"].items()
            },
            aliases=values["aliases"],
            tensors_sha256=values["tensors_sha256"],
            extra=values["extra"],
        )


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        values = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SavedModelError(_damaged(f"it is not JSON ({error})")) from error
    if not isinstance(values, dict):
        raise SavedModelError(_damaged(f"it is a {type(values).__name__}, expected an object"))
    return values


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _require_version(values: Mapping[str, Any]) -> None:
    if values.get("format") != FORMAT:
        raise SavedModelError(
            f"config.json: format is {values.get('format')!r:.60}, expected {FORMAT!r}. "
            "Name a folder that save_model wrote."
        )
    version = values.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise SavedModelError(
            f"config.json: format_version is {version!r:.60}, this fairfactor reads version "
            f"{FORMAT_VERSION}. Install the fairfactor that saved it "
            f"({values.get('fairfactor_version')!r:.60}) or save the model again."
        )


def _damaged(cause: str) -> str:
    return (
        f"config.json is damaged: {cause}. Restore the folder from a copy or save the model again."
    )
