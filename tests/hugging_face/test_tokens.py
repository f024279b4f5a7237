from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.hugging_face.tiny import KINDS, make_folder

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.hugging_face import Tokens

TEXTS = ["As [MASK], she led the team.", "", "he repaired the machines of the club " * 20, None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tokenizer_survives_as_text(kind: str, tmp_path: Path) -> None:
    tokens = Tokens.from_folder(make_folder(tmp_path / "model", kind), 32)
    files = tokens.files()
    again = Tokens.from_files(files, 32)
    ids = tokens.ids(TEXTS)
    assert tokens.files() == files == again.files()  # use changes nothing
    assert again.ids(TEXTS) == ids
    assert again.padding_id == tokens.padding_id
    assert [len(some) for some in ids][2] == 32
    assert min(map(len, ids)) >= 1  # an empty text is something to read, too


def test_the_mask_is_the_tokenizers_own(tmp_path: Path) -> None:
    tokens = Tokens.from_folder(make_folder(tmp_path / "model", "roberta"), 32)
    assert tokens.tokenizer.mask_token == "<mask>"
    assert tokens.tokenizer.mask_token_id in tokens.ids(["As [MASK], she led the team."])[0]


def test_padding_is_on_the_right_and_masked(tmp_path: Path) -> None:
    tokens = Tokens.from_folder(make_folder(tmp_path / "model", "gpt2"), 32)
    batch = tokens.padded([[5, 6, 7], [8]])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, tokens.padding_id, tokens.padding_id]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["input_ids"].dtype == torch.int64


def test_refusals(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    for limit in (0, 2, 65, 8.0):
        with pytest.raises(ArgumentError, match="an integer from 3 to 64"):
            Tokens.from_folder(folder, limit)  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArgumentError, match="a folder with a tokenizer"):
        Tokens.from_folder(tmp_path / "empty", 32)
    with pytest.raises(SavedModelError, match=r"no file 'code\.py'"):
        Tokens.from_files({"code.py": "print()"}, 32)
    with pytest.raises(SavedModelError, match="cannot be read"):
        Tokens.from_files({"tokenizer.json": "{"}, 32)


@pytest.mark.parametrize(("kind", "longest"), [("bert", 64), ("roberta", 64), ("gpt2", 64)])
def test_the_limit_is_that_of_the_model_unless_told(
    kind: str, longest: int, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path, kind)
    assert Tokens.from_folder(folder).maximum_tokens == longest
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("model_max_length")
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    positions = 66 if kind == "bert" else longest  # RoBERTa leaves two of its 66 out
    assert Tokens.from_folder(folder).maximum_tokens == positions
