"""Drawn faces: a made-up set of images, to try everything on without anybody's photograph.

The people of three islands, amber, jade and violet, have skin of that colour. Whether one smiles is
the label. As in real data, it depends on the group (how often, see `SMILING_RATES`), and it is
harder to see in one group than in another: mouths of violet faces are drawn faintly. A face that is
neither merry nor sad is labelled by a coin, so nobody can be right about all of them. What a
network cannot see in the mouth it guesses from the island, and that is the gap.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from fairfactor.data.images.table import IMAGE, ImageTable
from fairfactor.errors import DataError
from fairfactor.files import atomic_folder
from fairfactor.finetuning import require_integer
from fairfactor.images.decode import require_pillow

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

ROWS = 4000
SIDE = 64
ISLANDS = ("amber", "jade", "violet")
ISLAND_SHARES = (0.5, 0.3, 0.2)
SMILING_RATES = (0.65, 0.5, 0.3)
LONG_HAIR_RATES = (0.35, 0.65, 0.5)

DESCRIPTION = {
    "name": "Drawn faces",
    "description": "Faces that a seeded program draws: is this one smiling? With three islands.",
    "licence": "Apache-2.0, as this package",
    "citation": "",
}

_SKIN = ((222, 170, 110), (120, 178, 136), (150, 120, 190))
_MOUTH = ((120, 30, 30), (40, 80, 60), (126, 96, 164))
_HAIR = ((40, 30, 25), (110, 70, 30), (200, 170, 90), (150, 60, 40), (90, 90, 95))
_FINER = 2  # a picture is drawn larger and made smaller, for smooth edges


@dataclass(frozen=True, eq=False)
class DrawnFaces:
    """The images of drawn faces; each is drawn when it is first read, always the same.

    Attributes:
        rows: Number of faces.
        seed: Seed of everything about them.
    """

    rows: int = ROWS
    seed: int = 0

    @property
    def place(self) -> str:
        """What they are."""
        return "drawn faces"

    @cached_property
    def names(self) -> Sequence[str]:
        """Names of files that are nowhere."""
        return [f"face-{row:05d}.png" for row in range(self.rows)]

    @property
    def version(self) -> str:
        """What they depend on."""
        return f"{self.rows} faces of seed {self.seed}"

    def read(self, name: str) -> bytes:
        """Draw a face.

        Args:
            name: Its name.

        Returns:
            A PNG file.

        Raises:
            DataError: If there is no face of that name.
        """
        digits = name.removeprefix("face-").removesuffix(".png")
        row = int(digits) if digits.isdecimal() else self.rows
        if row >= self.rows or name != self.names[row]:
            raise DataError(f"there is no drawn face {name!r}: expected one of {self.rows:,}.")
        if row not in self._drawn:
            file = io.BytesIO()
            self._image(row).save(file, "PNG", compress_level=1)
            self._drawn[row] = file.getvalue()
        return self._drawn[row]

    @cached_property
    def people(self) -> pd.DataFrame:
        """What is drawn: ``island``, ``hair``, ``mood`` from -1 to 1, and ``smiling`` as 0 or 1."""
        generator = np.random.default_rng(self.seed)
        island = generator.choice(len(ISLANDS), self.rows, p=ISLAND_SHARES)
        merry = generator.random(self.rows) < np.array(SMILING_RATES)[island]
        mood = np.where(merry, 1, -1) * generator.beta(1.3, 1.6, self.rows)
        # P(smiling) = 1 / (1 + exp(-8 mood)): sure for a clear mouth, a coin for a straight one.
        smiling = generator.random(self.rows) < 1 / (1 + np.exp(-8 * mood))
        long_hair = generator.random(self.rows) < np.array(LONG_HAIR_RATES)[island]
        return pd.DataFrame(
            {
                "island": pd.Categorical.from_codes(island, pd.Index(ISLANDS)),
                "hair": pd.Categorical.from_codes(
                    long_hair.astype(np.int8), pd.Index(["short", "long"])
                ),
                "mood": mood,
                "smiling": smiling.astype(np.int8),
            }
        )

    @cached_property
    def _drawn(self) -> dict[int, bytes]:
        """The files of the faces that were read before, some 10 kB each."""
        return {}

    @cached_property
    def _codes(self) -> tuple[NDArray[np.float64], ...]:
        """Island, long hair and mood of every face, for quick access."""
        people = self.people
        columns = (people["island"].cat.codes, people["hair"].cat.codes, people["mood"])
        return tuple(np.asarray(column, dtype=np.float64) for column in columns)

    def _image(self, row: int) -> Image.Image:
        """Draw one face with noise of its own."""
        island, long_hair, mood = (codes[row] for codes in self._codes)
        generator = np.random.default_rng((self.seed, row))
        image = _draw(int(island), bool(long_hair), float(mood), generator)
        noise = generator.normal(0, 14, (SIDE, SIDE, 3))
        pixels = np.asarray(image).astype(np.float64) * generator.uniform(0.7, 1.1) + noise
        noisy: Image.Image = require_pillow().fromarray(
            pixels.clip(0, 255).round().astype(np.uint8)
        )
        return noisy


def load_drawn_faces(rows: int = ROWS, seed: int = 0) -> ImageTable:
    """The faces with their labels.

    Args:
        rows: Number of faces.
        seed: Seed of everything about them.

    Returns:
        One row a face: ``smiling`` in 0 and 1, ``island`` and ``hair``.
    """
    require_integer("rows", rows, 10)
    faces = DrawnFaces(rows, seed)
    frame = faces.people[["smiling", "island", "hair"]]
    return ImageTable(frame.assign(**{IMAGE: faces.names}), faces)


def write_drawn_faces(folder: str | Path, rows: int = ROWS, seed: int = 0) -> Path:
    """Write the faces as files, as a user's own images: a folder ``images`` and ``labels.csv``.

    Args:
        folder: A new or empty folder.
        rows: Number of faces.
        seed: Seed of everything about them.

    Returns:
        The folder.
    """
    table = load_drawn_faces(rows, seed)
    with atomic_folder(folder) as temporary:
        (temporary / "images").mkdir()
        for name in table.images.names:
            (temporary / "images" / name).write_bytes(table.images.read(name))
        words = table.frame.assign(smiling=table.frame["smiling"].map({0: "no", 1: "yes"}))
        words[[IMAGE, "smiling", "island", "hair"]].to_csv(temporary / "labels.csv", index=False)
    return Path(folder)


def _draw(island: int, long_hair: bool, mood: float, generator: Generator) -> Image.Image:
    """One face on a plain ground, turned and moved a little.

    Returns:
        SIDE × SIDE pixels, without noise.
    """
    from PIL import Image, ImageDraw

    size = SIDE * _FINER
    ground = tuple(generator.integers(60, 220, 3).tolist())
    image = Image.new("RGB", (size, size), ground)
    draw = ImageDraw.Draw(image)
    width, height = size * generator.uniform(0.25, 0.31), size * generator.uniform(0.32, 0.39)
    x, y = size / 2 + generator.normal(0, 0.02 * size, 2)
    hair = _HAIR[generator.integers(len(_HAIR))]
    skin = _shade(_SKIN[island], generator)
    if long_hair:
        draw.rounded_rectangle(
            (x - 1.15 * width, y - 0.9 * height, x + 1.15 * width, y + 1.15 * height),
            radius=width,
            fill=hair,
        )
    draw.ellipse(
        (x - 1.05 * width, y - 1.1 * height, x + 1.05 * width, y + 0.4 * height), fill=hair
    )
    draw.ellipse((x - width, y - 0.85 * height, x + width, y + height), fill=skin)
    _draw_eyes(draw, x, y, width, height, generator)
    mouth = _shade(_MOUTH[island], generator)
    _draw_mouth(draw, x, y + 0.5 * height, width * generator.uniform(0.4, 0.55), mood, mouth)
    turned = image.rotate(generator.normal(0, 6), Image.Resampling.BILINEAR, fillcolor=ground)
    return turned.resize((SIDE, SIDE), Image.Resampling.BOX)


def _draw_eyes(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    width: float,
    height: float,
    generator: Generator,
) -> None:
    apart, eye = width * generator.uniform(0.38, 0.48), width * generator.uniform(0.11, 0.16)
    for side in (-1, 1):
        at = x + side * apart
        draw.ellipse((at - eye, y - 0.1 * height - eye, at + eye, y - 0.1 * height + eye), "white")
        pupil = 0.55 * eye
        draw.ellipse(
            (at - pupil, y - 0.1 * height - pupil, at + pupil, y - 0.1 * height + pupil), "black"
        )


def _draw_mouth(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    half: float,
    mood: float,
    colour: tuple[int, ...],
) -> None:
    """A parabola whose corners are up by the mood."""
    across: NDArray[np.float64] = np.linspace(-1, 1, 15)
    down = y - 0.45 * mood * half * (across**2 - 0.5)
    points = list(zip((x + half * across).tolist(), down.tolist(), strict=True))
    draw.line(points, fill=colour, width=round(0.03 * SIDE * _FINER), joint="curve")


def _shade(colour: tuple[int, int, int], generator: Generator) -> tuple[int, ...]:
    shaded = np.array(colour) * generator.uniform(0.85, 1.15) + generator.normal(0, 6, 3)
    return tuple(shaded.clip(0, 255).astype(int).tolist())
