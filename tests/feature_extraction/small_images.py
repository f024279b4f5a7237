"""Images in memory, and weights to read them with."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from fairfactor.errors import DataError
from fairfactor.models.image_networks import build_image_network


@dataclass(frozen=True)
class ImagesInMemory:
    """A store of images."""

    files: dict[str, bytes]

    def read(self, name: str) -> bytes:
        if name not in self.files:
            raise DataError(f"there is no image {name!r}.")
        return self.files[name]


def small_images(count: int = 5, seed: int = 0) -> ImagesInMemory:
    """Noise in PNG files of different sizes."""
    from PIL import Image

    source = np.random.default_rng(seed)
    files = {}
    for number in range(count):
        content = io.BytesIO()
        size = (40 + 3 * number, 50)
        Image.fromarray(source.integers(0, 256, (*size, 3), dtype=np.uint8)).save(content, "png")
        files[f"{number}.png"] = content.getvalue()
    return ImagesInMemory(files)


def saved_weights(folder: Path, name: str = "resnet18", classes: int = 3) -> Path:
    """Random weights as a checkpoint."""
    path = folder / f"{name}.safetensors"
    save_file(build_image_network(name, classes, seed=0).state_dict(), path)
    return path
