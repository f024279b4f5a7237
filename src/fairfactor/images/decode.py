"""From the bytes of a file to pixels, with Pillow; what cannot be decoded says why."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairfactor.errors import ArgumentError, DataError
from fairfactor.optional import optional_module

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 50_000_000
"""An image with more pixels is refused: its file may be made to fill the memory."""


def square_pixels(content: bytes, side: int, *, centre: float = 1.0) -> NDArray[np.uint8]:
    """Decode an image, cut its central square out, and resize that with Lanczos' filter.

    Images are turned as their camera says; transparent parts are white; grey images get three equal
    channels.

    Args:
        content: The file.
        side: Height and width of the result.
        centre: Side of the square, as a share of the shorter side of the image.

    Returns:
        Shape (side, side, 3): red, green and blue, 0 to 255.

    Raises:
        ArgumentError: If ``side`` or ``centre`` is not positive, or ``centre`` is over 1.
    """
    if side < 1:
        raise ArgumentError("side", side, "1 or more pixels")
    if not 0 < centre <= 1:
        raise ArgumentError("centre", centre, "a share, above 0 and up to 1")
    image = decode(content)
    width, height = image.size
    edge = centre * min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    resized = image.resize(
        (side, side), require_pillow().Resampling.LANCZOS, box=(left, top, left + edge, top + edge)
    )
    return np.asarray(resized)


def decode(content: bytes) -> Image.Image:
    """Decode a whole image.

    Args:
        content: The file.

    Returns:
        The image, in RGB.
    """
    return _as_rgb(loaded(content))


def loaded(content: bytes, *, coarse: bool = False) -> Image.Image:
    """Decode a whole image in the colours of its file.

    Args:
        content: The file.
        coarse: Whether an eighth of its height and width is enough, which is quicker for a JPEG.

    Returns:
        The image.

    Raises:
        DataError: If it is no image, damaged, cut off or too large; the text is the reason alone.
    """
    pillow = require_pillow()
    if not content:
        raise DataError("the file is empty")
    try:
        image: Image.Image = pillow.open(io.BytesIO(content))
        if image.width * image.height > MOST_PIXELS:
            raise DataError(f"it has {image.width} × {image.height} pixels, too many")
        if coarse:
            image.draft("RGB", (image.width // 8, image.height // 8))
        image.load()
    except DataError:
        raise
    except pillow.UnidentifiedImageError as error:
        raise DataError("it is no image that Pillow knows") from error
    except Exception as error:  # Pillow's decoders raise whatever they run into
        raise DataError(" ".join(str(error).split()) or type(error).__name__) from error
    return image


def _as_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image, ImageOps

    turned = image
    with suppress(Exception):  # damaged metadata do not make an image unusable
        turned = ImageOps.exif_transpose(image)
    if turned.mode == "RGB":
        return turned
    if turned.mode in {"I", "F"} or turned.mode.startswith("I;16"):
        return _grey(turned).convert("RGB")
    if turned.has_transparency_data:
        coloured = turned.convert("RGBA")
        white = Image.new("RGBA", coloured.size, "white")
        white.alpha_composite(coloured)
        return white.convert("RGB")
    return turned.convert("RGB")


def _grey(image: Image.Image) -> Image.Image:
    """An image of deep grey values in 256 steps: whole numbers by the upper 8 of 16 bits."""
    from PIL import Image

    values = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        low, high = values.min(), values.max()
        values = (values - low) * (255 / max(high - low, np.finfo(float).tiny))
    else:
        values = values / 256
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def require_pillow() -> Any:
    """Import Pillow; a ``DataError`` says how to install it.

    Returns:
        Its module ``Image``.
    """
    return optional_module(
        "PIL.Image",
        DataError(
            "images are read with Pillow, which is not installed: run "
            "pip install 'fairfactor[images]'."
        ),
    )
