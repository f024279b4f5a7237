import json

from typer.testing import CliRunner

from fairfactor.cli.app import app
from fairfactor.data.images.drawn_faces import write_drawn_faces

RUN = CliRunner()


def call(*arguments):
    return RUN.invoke(app, ["images", *map(str, arguments)], catch_exceptions=False)


def test_a_set_of_images_attribute_by_attribute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call("drawn-faces")
    assert done.exit_code == 0
    assert "smiling" in done.output
    assert "violet" in done.output
    assert not list(tmp_path.iterdir())  # no sheet unless it is asked for


def test_machines_get_one_object_and_a_sheet_on_request(tmp_path):
    faces = write_drawn_faces(tmp_path / "faces", 80)
    (faces / "images" / "face-00000.png").write_bytes(b"")
    place = ["--images", faces / "images", "--labels", faces / "labels.csv", "--sensitive", "hair"]
    refused = call("folder", *place)
    assert refused.exit_code == 1
    more = ["--unusable-images", "leave-out", "--contact-sheet", tmp_path / "sheet.png", "--json"]
    content = json.loads(call("folder", *place, *more).stdout)
    assert sum(content["groups"].values()) == 79
    assert set(content["groups"]) == {"long", "short"}
    assert content["noticed"] == ["1 images that cannot be decoded, left out"]
    assert content["contact_sheet"] == str(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").is_file()


def test_another_name_is_refused():
    done = call("adult")
    assert done.exit_code == 1
    assert "drawn-faces, celeba" in done.output
