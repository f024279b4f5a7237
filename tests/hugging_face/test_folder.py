from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.hugging_face.tiny import KINDS, WIDTH, make_folder

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.hugging_face import architecture_json, build_model, load_classifier, load_encoder
from fairfactor.hugging_face.folder import has_head
from fairfactor.hugging_face.head import head_inputs, head_modules, head_name

BATCH = {"input_ids": torch.tensor([[5, 6, 7], [8, 0, 0]]), "attention_mask": torch.ones(2, 3)}
BATCH["attention_mask"] = torch.tensor([[1, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [None, 3])
def test_the_architecture_is_made_again_from_json(
    kind: str, classes: int | None, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path, kind, classes=classes)
    model = load_encoder(folder) if classes is None else load_classifier(folder, ["a", "b", "c"])
    described = json.loads(json.dumps(architecture_json(model)))
    assert str(tmp_path) not in json.dumps(described)
    again = build_model(described)
    again.load_state_dict(model.state_dict())
    with torch.no_grad():
        for one, other in zip(model(**BATCH).to_tuple(), again(**BATCH).to_tuple(), strict=True):
            if isinstance(one, torch.Tensor):
                torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_that_is_not_there_is_drawn_with_the_seed(kind: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path, kind)
    assert not has_head(folder, ["a", "b", "c"])
    state = torch.random.get_rng_state()
    heads = [
        load_classifier(folder, ["a", "b", "c"], seed=seed).get_submodule("." * 0 + name).weight
        for seed in (0, 0, 1)
        for name in [head_name(load_classifier(folder, ["a", "b", "c"]))]
    ]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


@pytest.mark.parametrize("kind", KINDS)
def test_head_inputs_are_what_the_head_reads(kind: str, tmp_path: Path) -> None:
    model = load_classifier(make_folder(tmp_path, kind), ["a", "b", "c"])
    assert set(head_modules(model)) in ({"classifier"}, {"score"}, {"pre_classifier", "classifier"})
    with torch.no_grad():
        given = head_inputs(model, BATCH)
        assert given.shape == (2, WIDTH)
        found = model.get_submodule(head_name(model))(given)
        torch.testing.assert_close(found, model(**BATCH).logits)


def test_a_head_for_the_classes_is_kept(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, classes=2)
    assert has_head(folder, ["no", "yes"])
    assert not has_head(folder, ["a", "b", "c"])
    with pytest.raises(ArgumentError, match="the order of the folder"):
        has_head(folder, ["LABEL_1", "LABEL_0"])


class TestRefusals:
    def test_no_folder_of_transformers(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match="save_pretrained"):
            load_encoder(tmp_path / "nowhere")
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(ArgumentError, match="no model_type"):
            load_encoder(tmp_path)

    def test_code_of_its_own(self, tmp_path: Path) -> None:
        config = json.loads((make_folder(tmp_path) / "config.json").read_text())
        config["auto_map"] = {"AutoModel": "modeling.Evil"}
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(ArgumentError, match="code of its own"):
            load_encoder(tmp_path)

    def test_no_safetensors(self, tmp_path: Path) -> None:
        (make_folder(tmp_path) / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
        with pytest.raises(ArgumentError, match="no safetensors"):
            load_encoder(tmp_path)

    def test_damaged(self, tmp_path: Path) -> None:
        (make_folder(tmp_path) / "model.safetensors").write_bytes(b"nothing")
        with pytest.raises(ArgumentError, match="a folder that transformers reads"):
            load_encoder(tmp_path)

    def test_an_architecture_that_does_not_exist(self) -> None:
        with pytest.raises(SavedModelError, match="cannot be made"):
            build_model({"kind": "encoder", "model_type": "nothing", "config": {}})
