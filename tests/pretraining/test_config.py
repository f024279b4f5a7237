from __future__ import annotations

import pytest

from fairfactor.errors import ArgumentError
from fairfactor.pretraining.config import PretrainConfig


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"data": "faces"}, r"^data='faces'.*utkface"),
        ({}, r"^root=None.*a path for data='utkface'"),
        ({"root": "a", "images": "b"}, r"^images='b'.*nothing for data='utkface'"),
        ({"data": "folder", "images": "a"}, r"^labels=None.*a path"),
        ({"root": "a", "architecture": "vgg"}, r"^architecture='vgg'"),
        ({"root": "a", "device": "tpu"}, r"^device='tpu'"),
        ({"root": "a", "size": 16}, r"^size=16"),
        ({"root": "a", "epochs": 0}, r"^epochs=0"),
        ({"root": "a", "batch_size": 1}, r"^batch_size=1"),
        ({"root": "a", "learning_rate": float("nan")}, r"^learning_rate=nan"),
        ({"root": "a", "held_out": 1.0}, r"^held_out=1\.0"),
        ({"root": "a", "precision": "half"}, r"^precision='half'"),
    ],
)
def test_unusable_values_are_refused(values, text):
    with pytest.raises(ArgumentError, match=text):
        PretrainConfig(**values)


def test_what_was_done_does_not_say_where():
    there, here = PretrainConfig(root="/there"), PretrainConfig(root="/here")
    assert there.without_paths() == here.without_paths()
    assert "there" not in str(there.without_paths())
