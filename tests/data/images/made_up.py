"""Tiny made-up releases in the official layouts: coloured squares, no people."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

CELEBA_ATTRIBUTES = ("Male", "Smiling", "Wavy_Hair")


def jpeg(seed: int, side: int = 16) -> bytes:
    """Noise as a JPEG file."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def write_images(folder: Path, names: list[str]) -> None:
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(seed))


def celeba(root: Path, rows: int = 6) -> Path:
    """CelebA's three tables and its images; image i has bit k of i as its attribute k."""
    names = [f"{place:06d}.jpg" for place in range(1, rows + 1)]
    write_images(root / "img_align_celeba", names)
    lines = [
        f"{name} " + " ".join(f"{1 if place >> bit & 1 else -1:2d}" for bit in range(3))
        for place, name in enumerate(names)
    ]
    head = [str(rows), " ".join(CELEBA_ATTRIBUTES) + " "]
    (root / "list_attr_celeba.txt").write_text("\n".join([*head, *lines, ""]))
    parts = [f"{name} {place % 3}" for place, name in enumerate(names)]
    (root / "list_eval_partition.txt").write_text("\n".join([*parts, ""]))
    people = [f"{name} {2880 + place // 2}" for place, name in enumerate(names)]
    (root / "identity_CelebA.txt").write_text("\n".join([*people, ""]))
    return root


def packed(root: Path, names: list[str], labels: str, table: str) -> Path:
    """The compact form: images in one file and a table."""
    root.mkdir(parents=True, exist_ok=True)
    files = [jpeg(seed) for seed in range(len(names))]
    np.savez(
        root / "images96.npz",
        jpeg=np.frombuffer(b"".join(files), dtype=np.uint8),
        offset=np.cumsum([0, *map(len, files)]),
        name=np.array(names),
    )
    (root / labels).write_text(table)
    return root
