import io

import numpy as np
import pytest
from PIL import Image
from tests.data.images.made_up import jpeg

from fairfactor.errors import ArgumentError, DataError
from fairfactor.images.decode import decode, square_pixels


def as_file(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_the_central_square_is_cut_out():
    pixels = np.zeros((20, 40, 3), dtype=np.uint8)
    pixels[:, 10:30] = 90
    pixels[5:15, 15:25] = 200
    file = as_file(Image.fromarray(pixels))
    whole, half = square_pixels(file, 20), square_pixels(file, 10, centre=0.5)
    assert whole.shape == (20, 20, 3)
    assert (whole == pixels[:, 10:30]).all()
    assert (half == 200).all()


def test_a_smaller_image_is_the_mean_of_its_parts_where_it_is_smooth():
    ramp = np.repeat(np.arange(0, 240, 2, dtype=np.uint8)[None, :, None], 120, 0).repeat(3, 2)
    small = square_pixels(as_file(Image.fromarray(ramp)), 12).astype(float)
    wanted = ramp[0, :, 0].reshape(12, 10).mean(1)
    assert np.abs(small[:, 1:-1, 0] - wanted[1:-1]).max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA", "CMYK", "I", "I;16", "F"])
def test_every_kind_of_colour_becomes_rgb(mode):
    grey = Image.fromarray(np.tile(np.arange(0, 256, 16, dtype=np.uint8), (16, 1)))
    image = (
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).convert(mode)
        if mode.startswith("I")
        else grey.convert(mode)
    )
    kind = "TIFF" if mode in {"CMYK", "F", "I"} else "PNG"
    pixels = np.asarray(decode(as_file(image, kind)))
    assert pixels.shape == (16, 16, 3)
    assert pixels[0, 0].max() < 10
    assert pixels[0, -1].min() > 230


def test_transparent_parts_are_white():
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert (np.asarray(decode(as_file(clear))) == 255).all()


def test_a_photograph_is_turned_as_its_camera_says():
    pixels = np.zeros((8, 16, 3), dtype=np.uint8)
    pixels[:, :8] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    turned = np.asarray(decode(as_file(image, exif=exif)))
    assert (turned == pixels[:, ::-1]).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"<html>not found</html>", "no image that Pillow knows"),
        (jpeg(0, 64)[:-300], "truncated"),
        (as_file(Image.new("1", (9000, 9000))), "9000 × 9000 pixels, too many"),
    ],
)
def test_what_cannot_be_decoded_says_why(content, reason):
    with pytest.raises(DataError, match=reason):
        decode(content)


@pytest.mark.parametrize(("side", "centre"), [(0, 1.0), (8, 0.0), (8, 1.5)])
def test_sizes_are_checked(side, centre):
    with pytest.raises(ArgumentError, match=r"side=0|centre="):
        square_pixels(jpeg(0), side, centre=centre)
