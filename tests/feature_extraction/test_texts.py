from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.hugging_face.tiny import KINDS, WIDTH, make_folder

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.feature_extraction import extract
from fairfactor.feature_extraction.kinds import describe_extractor, extractor_skeleton
from fairfactor.feature_extraction.texts import TextExtractor
from fairfactor.hugging_face import Tokens, load_classifier

TEXTS = [
    "As [MASK], she led the team at the school.",
    "",
    *(f"he wrote letters for the club in 19{year}" for year in range(50, 80)),
    "he repaired the machines of the club " * 20,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_features_are_those_of_each_text_alone(kind: str, pooling: str, tmp_path: Path) -> None:
    extractor = TextExtractor.from_folder(
        make_folder(tmp_path, kind), pooling=pooling, maximum_tokens=24
    )
    found = extract(extractor, TEXTS)
    assert found.shape == (len(TEXTS), WIDTH)
    for text, features in zip(TEXTS, found, strict=True):
        ids = torch.tensor(extractor.tokens.ids([text]))
        with torch.no_grad():
            states = extractor.encoder(input_ids=ids).last_hidden_state[0]
        alone = {"mean": states.mean(0), "cls": states[0], "last": states[-1]}[pooling]
        torch.testing.assert_close(features, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tuned_classifier_gives_what_its_last_layer_reads(kind: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path, kind)
    model = load_classifier(folder, ["a", "b", "c"])
    extractor = TextExtractor(model, Tokens.from_folder(folder, 24), pooling="head")
    found = extract(extractor, TEXTS)
    ids = extractor.tokens.ids(TEXTS)
    heads = {"roberta": "classifier.out_proj", "xlm-roberta": "classifier.out_proj"}
    head = model.get_submodule(heads.get(kind, "score" if kind == "gpt2" else "classifier"))
    for features, some in zip(found, ids, strict=True):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([some])).logits[0]
        torch.testing.assert_close(head(features), logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_built_again_without_its_folder(kind: str, tmp_path: Path) -> None:
    extractor = TextExtractor.from_folder(
        make_folder(tmp_path, kind), column="review", pooling="last", maximum_tokens=24
    )
    saved = json.loads(json.dumps(describe_extractor(extractor)))
    assert str(tmp_path) not in json.dumps(saved)  # nothing tells where it was
    again = extractor_skeleton(saved)
    again.load_state_dict(extractor.state_dict())
    assert (again.column, again.width) == ("review", WIDTH)
    assert torch.equal(extract(again, TEXTS), extract(extractor, TEXTS))


def test_nothing_of_it_trains(tmp_path: Path) -> None:
    extractor = TextExtractor.from_folder(make_folder(tmp_path))
    assert not any(parameter.requires_grad for parameter in extractor.parameters())


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="one of mean, cls, last, head"):
        TextExtractor.from_folder(make_folder(tmp_path), pooling="median")  # type: ignore[arg-type]
    with pytest.raises(SavedModelError, match="damaged"):
        TextExtractor.skeleton({"tokenizer": {}})
