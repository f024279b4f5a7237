"""Some images of each group on one sheet, made only when somebody asks for it by name."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fairfactor.data.images.table import IMAGE, ImageTable
from fairfactor.data.task import require_columns
from fairfactor.errors import ArgumentError
from fairfactor.files import atomic_write_bytes
from fairfactor.groups import encode_groups
from fairfactor.images.decode import require_pillow, square_pixels

SIDE = 96
_BORDER = 2


def write_contact_sheet(
    table: ImageTable, path: Path, sensitive: Sequence[str], *, each: int = 12, seed: int = 0
) -> tuple[str, ...]:
    """Write a PNG with one row of images for each group, drawn at random.

    The sheet shows people: keep it where the images are. Nothing else in this package writes one.

    Args:
        table: The images.
        path: The file.
        sensitive: Columns whose values name the group of an image.
        each: Images of each group at the most.
        seed: Seed of the drawing.

    Returns:
        The groups, from the top row down.

    Raises:
        ArgumentError: If the file is not to be a PNG, or no image is asked for.
    """
    if path.suffix.lower() != ".png":
        raise ArgumentError("contact_sheet", str(path), "a file that ends in .png")
    if each < 1:
        raise ArgumentError("each", each, "1 or more images")
    require_columns(table.frame.columns, sensitive)
    groups = encode_groups(table.frame[list(sensitive)], minimum_size=0)
    step = SIDE + _BORDER
    shape = (step * len(groups.names) + _BORDER, step * each + _BORDER, 3)
    sheet = np.full(shape, 255, dtype=np.uint8)
    generator = np.random.default_rng(seed)
    for row, name in enumerate(groups.names):
        there = generator.permutation(groups.positions(name))[:each]
        for column, image in enumerate(table.frame[IMAGE].iloc[there]):
            top, left = row * step + _BORDER, column * step + _BORDER
            pixels = square_pixels(table.images.read(image), SIDE, centre=table.centre)
            sheet[top : top + SIDE, left : left + SIDE] = pixels
    file = io.BytesIO()
    require_pillow().fromarray(sheet).save(file, "PNG")
    atomic_write_bytes(path, file.getvalue())
    return groups.names
