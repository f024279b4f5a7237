"""Writing figures: SVG always, PNG where a package that draws it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairfactor.files import atomic_write_bytes, atomic_write_text, require_writable
from fairfactor.report.figures.sheets import figure_sheets

PNG_PACKAGE = "resvg_py"
HOW_TO_GET_PNG = "SVG only: for PNG too, pip install 'fairfactor[figures]'."
ZOOM = 3  # about 300 dots an inch where a figure of 600 px is 6 inches wide


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        files: The files.
        png: Whether there are PNG files among them.
    """

    files: tuple[Path, ...]
    png: bool


def write_figures(metrics: Mapping[str, object], out: Path) -> Written:
    """Write every figure of a run.

    Args:
        metrics: The contents of ``metrics.json``.
        out: A folder; files of the same names are replaced, others are left alone.

    Returns:
        What was written.
    """
    sheets = figure_sheets(metrics)
    require_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    png = importlib.util.find_spec(PNG_PACKAGE) is not None
    files = []
    for sheet in sheets:
        svg = sheet.to_svg()
        files.append(out / f"{sheet.name}.svg")
        atomic_write_text(files[-1], svg)
        if png:
            files.append(out / f"{sheet.name}.png")
            atomic_write_bytes(files[-1], to_png(svg))
    return Written(tuple(files), png)


def to_png(svg: str) -> bytes:
    """Draw an SVG file as PNG; needs the package resvg-py.

    Args:
        svg: Its text.

    Returns:
        The bytes of the picture.
    """
    import resvg_py

    drawn: bytes = resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM, sans_serif_family="Arial")
    return bytes(drawn)
