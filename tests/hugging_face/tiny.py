"""Tiny models of transformers with random weights, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from fairfactor.data.texts.templates import load_templates
from fairfactor.hugging_face.tiny import Kind, tiny_folder

pytest.importorskip("transformers", reason="needs pip install 'fairfactor[text]'")

WIDTH = 16
KINDS = get_args(Kind)


def make_folder(folder: Path, kind: Kind = "bert", *, classes: int | None = None) -> Path:
    """An encoder, or with ``classes`` a classifier."""
    texts = load_templates(300, seed=7)["text"]
    return tiny_folder(folder, texts, kind=kind, classes=classes, width=WIDTH)
