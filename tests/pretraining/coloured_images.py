"""A folder of small images whose mean colour tells their class, with groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fairfactor.pretraining.config import PretrainConfig

CLASSES = ("blue", "green", "red")


def write_images(folder: Path, count: int = 48, seed: int = 0) -> PretrainConfig:
    """Write images and their table, and return how to train on them in a second."""
    from PIL import Image

    source = np.random.default_rng(seed)
    images = folder / "images"
    images.mkdir()
    rows = []
    for number in range(count):
        channel = number % 3
        pixels = source.integers(0, 90, (32, 32, 3))
        pixels[:, :, 2 - channel] += 160
        Image.fromarray(pixels.astype(np.uint8)).save(images / f"{number}.png")
        rows.append((f"{number}.png", CLASSES[channel], "a" if number % 4 else "b"))
    table = folder / "labels.csv"
    pd.DataFrame(rows, columns=["file", "colour", "group"]).to_csv(table, index=False)
    return PretrainConfig(
        data="folder",
        images=str(images),
        labels=str(table),
        target="colour",
        groups=("group",),
        size=32,
        epochs=2,
        batch_size=12,
        learning_rate=0.02,
        held_out=0.4,
    )
