"""Many images as one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from fairfactor.errors import DataError
from fairfactor.images.decode import square_pixels
from fairfactor.progress import OnCount, untold

_AT_ONCE = 512


class Images(Protocol):
    """Where images are, as `fairfactor.images.store.ImageStore`."""

    def read(self, name: str) -> bytes:
        """The file of one image; ``DataError`` if there is none of that name."""


def read_pixels(
    images: Images,
    names: Sequence[str],
    size: int,
    *,
    centre: float = 1.0,
    on_images: OnCount = untold,
) -> Tensor:
    """Decode images, cut the central square out of each and resize it.

    Args:
        images: Where they are.
        names: Which of them.
        size: Height and width.
        centre: Side of the square, as a share of the shorter side of the image.
        on_images: Called now and then with the number of finished images and that of all.

    Returns:
        uint8, (images × 3 × size × size).

    Raises:
        DataError: If an image cannot be decoded.
    """  # noqa: DOC502 - raised by _decoded

    def decoded(name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return _decoded(images, name, size, centre)

    pixels = torch.empty((len(names), size, size, 3), dtype=torch.uint8)
    with ThreadPoolExecutor() as threads:
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            for place, image in enumerate(threads.map(decoded, some), start):
                pixels[place] = torch.from_numpy(image)
            on_images(start + len(some), len(names))
    return pixels.permute(0, 3, 1, 2)


def _decoded(
    images: Images, name: str, size: int, centre: float
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels of one image.

    Returns:
        (size × size × 3), of its own memory.

    Raises:
        DataError: If it cannot be decoded.
    """
    content = images.read(name)
    try:
        return np.array(square_pixels(content, size, centre=centre))
    except DataError as error:
        raise DataError(
            f"image {name!r} cannot be decoded: {error}. Get the file again, or delete its row."
        ) from error
