"""The kinds of extractors that can be saved, by name; each is imported only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, cast

from fairfactor.errors import SavedModelError
from fairfactor.feature_extraction.extractor import FeatureExtractor

_KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "images": ("fairfactor.feature_extraction.images", "ImageExtractor"),
        "text": ("fairfactor.feature_extraction.texts", "TextExtractor"),
    }
)
"""Module and class by kind."""


def describe_extractor(extractor: FeatureExtractor) -> dict[str, Any]:
    """What `extractor_skeleton` reads.

    Args:
        extractor: The extractor.

    Returns:
        JSON values.
    """
    return {"kind": extractor.kind, **extractor.description()}


def extractor_skeleton(saved: Mapping[str, Any]) -> FeatureExtractor:
    """Build a saved extractor with any weights.

    Args:
        saved: What `describe_extractor` gave.

    Returns:
        The extractor.

    Raises:
        SavedModelError: If its kind is unknown.
    """
    kind = saved.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise SavedModelError(
            f"the saved extractor has kind={kind!r:.60}: expected one of {sorted(_KINDS)}. "
            "Use the fairfactor that wrote it."
        )
    module, name = _KINDS[kind]
    found = cast("type[FeatureExtractor]", getattr(import_module(module), name))
    return found.skeleton({key: value for key, value in saved.items() if key != "kind"})
