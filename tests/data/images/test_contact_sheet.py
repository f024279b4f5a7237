import numpy as np
import pytest
from PIL import Image

from fairfactor.data.images.contact_sheet import SIDE, write_contact_sheet
from fairfactor.data.images.drawn_faces import load_drawn_faces
from fairfactor.errors import ArgumentError
from fairfactor.images.decode import square_pixels


def test_a_row_of_images_for_each_group(tmp_path):
    table = load_drawn_faces(60)
    groups = write_contact_sheet(table, tmp_path / "sheet.png", ["island"], each=3)
    assert groups == ("amber", "jade", "violet")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (3 * (SIDE + 2) + 2, 3 * (SIDE + 2) + 2, 3)
    first = sheet[2 : 2 + SIDE, 2 : 2 + SIDE]
    amber = table.frame.loc[table.frame["island"] == "amber", "image"]
    drawn = [square_pixels(table.images.read(name), SIDE) for name in amber]
    assert any((first == pixels).all() for pixels in drawn)


def test_what_is_no_sheet_is_refused(tmp_path):
    table = load_drawn_faces(60)
    with pytest.raises(ArgumentError, match=r"ends in \.png"):
        write_contact_sheet(table, tmp_path / "sheet.html", ["island"])
    with pytest.raises(ArgumentError, match="1 or more images"):
        write_contact_sheet(table, tmp_path / "sheet.png", ["island"], each=0)
