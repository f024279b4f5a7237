"""From a set of images by its name to runs and predictions; the network is a tiny one."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from tests.data.images.made_up import celeba
from torch import nn
from typer.testing import CliRunner

from fairfactor import run as commands
from fairfactor.cli.app import app
from fairfactor.data.images.drawn_faces import load_drawn_faces, write_drawn_faces
from fairfactor.data.images.releases import RELEASES
from fairfactor.data.request import DataRequest
from fairfactor.data.sources import describe, load_task
from fairfactor.data.splits import benchmark_split
from fairfactor.errors import ArgumentError, DataError, FairfactorWarning
from fairfactor.feature_extraction import images as extraction
from fairfactor.models import image_backbones
from fairfactor.models.image_backbones import ImageBackbone
from fairfactor.prediction import predict_file, read_images_from
from fairfactor.run_folder import RunFolder
from fairfactor.tune_config import TuneConfig


class Thumbnail(nn.Module):
    """An image in 4 × 4 pixels: a network without weights."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return self.scale * nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)


@pytest.fixture
def thumbnails(monkeypatch):
    """Let every architecture be the tiny one."""

    def load(name, weights=None):
        return ImageBackbone(Thumbnail().eval(), 48, {"name": name}, size=32)

    monkeypatch.setattr(extraction, "load_backbone", load)
    monkeypatch.setattr(extraction, "backbone_skeleton", lambda _: Thumbnail().eval())
    assert image_backbones.load_backbone is not load


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_drawn_faces(tmp_path_factory.mktemp("drawn") / "faces", 300)


def folder_request(faces, **more):
    return DataRequest(
        "folder",
        ("island",),
        target="smiling",
        images=str(faces / "images"),
        labels=str(faces / "labels.csv"),
        **more,
    )


def test_a_folder_of_images_is_a_table_of_features(thumbnails, faces, tmp_path):
    task = load_task(folder_request(faces, feature_cache=tmp_path / "cache"))
    assert task.input_columns == tuple(f"feature {place}" for place in range(48))
    assert task.class_names == ("no", "yes")
    assert len(task.frame) == 300
    expected = extraction.image_extractor("any", load_drawn_faces(300).images)
    np.testing.assert_array_equal(
        task.inputs.to_numpy()[:5], expected.features([f"face-0000{i}.png" for i in range(5)])
    )


def test_broken_images_are_refused_or_counted(thumbnails, tmp_path):
    broken = write_drawn_faces(tmp_path / "faces", 40)
    (broken / "images" / "face-00003.png").write_bytes(b"")
    (broken / "images" / "face-00007.png").unlink()
    with pytest.raises(DataError, match=r"1 rows without an image file \(face-00007.*00003"):
        load_task(folder_request(broken))
    with pytest.warns(FairfactorWarning, match=r"1 (rows without|images that cannot).*left out"):
        task = load_task(folder_request(broken, unusable_images="leave-out"))
    assert len(task.frame) == 38


def test_no_person_is_in_two_parts(thumbnails, tmp_path):
    root = celeba(tmp_path, rows=60)
    request = DataRequest("celeba", RELEASES["celeba"].sensitive, root=str(root))
    with pytest.warns(FairfactorWarning, match="60 rows, where the full release has 202,599"):
        task = load_task(request)
    assert (task.target, task.positive_label) == ("Wavy_Hair", "Wavy_Hair")
    assert task.together is not None
    parts = benchmark_split(task.labels, seed=0, together=task.together)
    people = [set(task.together[rows]) for rows in parts.values()]
    assert sum(map(len, people)) == len(set.union(*people)) == 30
    with pytest.warns(FairfactorWarning):
        alone = load_task(DataRequest("celeba", ("Male",), root=str(root), split_by="none"))
    assert alone.together is None


def test_published_parts_are_kept(thumbnails, tmp_path):
    root = celeba(tmp_path, rows=60)
    request = DataRequest("celeba", ("Male",), root=str(root), parts="split")
    with pytest.warns(FairfactorWarning):
        task = load_task(request)
    assert "split" not in task.input_columns
    for seed in (0, 1):
        parts = benchmark_split(task.labels, seed=seed, published=task.published)
        for code, rows in enumerate(parts.values()):  # 0, 1 and 2 in the release's file
            np.testing.assert_array_equal(rows, np.arange(code, 60, 3))


def test_a_release_without_parts_of_its_own_says_so(thumbnails, faces):
    with pytest.raises(DataError, match="no column 'split'"):
        load_task(folder_request(faces, parts="split"))


def test_at_most_so_many_images_are_looked_at(thumbnails, faces, monkeypatch):
    with pytest.warns(FairfactorWarning, match="50 of 300 images are drawn at random"):
        task = load_task(folder_request(faces, most_rows=50))
    assert len(task.frame) == 50


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (DataRequest("lfwa", ("Male",)), "root=None.*the folder of LFW"),
        (DataRequest("folder", ("sex",), images="x", labels="y"), "target=None"),
        (DataRequest("folder", ("sex",), target="x", images="y"), "labels=None"),
        (DataRequest("drawn-faces", ("island",), root="x"), "root='x'.*nothing for data"),
        (DataRequest("adult", ("sex",), split_by="x"), "split_by='x'.*nothing for data"),
    ],
)
def test_what_is_missing_or_too_much_is_named(request_, said):
    with pytest.raises(ArgumentError, match=said):
        load_task(request_)


def test_every_set_of_images_is_described():
    for name in (*RELEASES, "drawn-faces", "folder"):
        assert describe(name)["licence"]


def test_tune_and_predict_from_the_command_line(thumbnails, faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    arguments = ["tune", "--data", "folder", "--images", str(faces / "images"), "--labels"]
    arguments += [str(faces / "labels.csv"), "--target", "smiling", "--sensitive", "island"]
    arguments += ["--constraint", "demographic_parity<=0.2", "--out", "run"]
    done = run.invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    pd.DataFrame({"image": ["face-00001", "face-00002.png"]}).to_csv("new.csv", index=False)
    arguments = ["predict", "run", "new.csv", "--images", str(faces / "images"), "--json"]
    done = run.invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    predictions = json.loads(done.output)["predictions"]
    assert [p["prediction"] in {"yes", "no"} for p in predictions] == [True, True]
    content = b"".join(f.read_bytes() for f in (tmp_path / "run").rglob("*") if f.is_file())
    assert b"face-00001" not in content  # nothing about single images is kept


def test_a_model_says_that_it_needs_the_folder(thumbnails, faces, tmp_path):
    config = TuneConfig(
        data="folder",
        images=str(faces / "images"),
        labels=str(faces / "labels.csv"),
        target="smiling",
        sensitive=("island",),
        feature_cache=str(tmp_path / "cache"),
    )
    model = RunFolder.open(commands.execute_tuning(config, tmp_path / "run").path).load_model()
    table = tmp_path / "new.csv"
    pd.DataFrame({"image": ["face-00001.png"] * 3}).to_csv(table, index=False)
    with pytest.raises(ArgumentError, match="--images"):
        list(predict_file(model, table))
    read_images_from(model, faces / "images")
    assert sum(map(len, predict_file(model, table))) == 3


def test_a_model_of_tables_reads_no_images(tmp_path):
    class Model:
        extractor = None

    with pytest.raises(ArgumentError, match="a model that reads no images"):
        read_images_from(Model(), tmp_path)
