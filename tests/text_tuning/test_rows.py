from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.hugging_face.tiny import make_folder

from fairfactor.errors import DataError
from fairfactor.hugging_face import Tokens
from fairfactor.text_tuning.rows import ShuffledBatches, TextRows

TEXTS = [" ".join(["team"] * length) for length in (5, 1, 9, 3, 7, 2, 8)]


@pytest.fixture
def rows(tmp_path: Path) -> TextRows:
    tokens = Tokens.from_folder(make_folder(tmp_path), 32)
    return TextRows.of(tokens, TEXTS, [0, 1, 0, 1, 0, 1, 0], [0, 1, 1, 0, -1, 0, 1], batch_size=3)


def test_batches_go_by_length_and_keep_labels_with_their_texts(rows: TextRows) -> None:
    lengths = [inputs["attention_mask"].sum(1).tolist() for inputs, _, _ in rows]
    assert lengths == [[3, 4, 5], [7, 9, 10], [11]]  # with the two special tokens
    labels = torch.cat([labels for _, labels, _ in rows])
    groups = torch.cat([groups for _, _, groups in rows])
    assert labels.tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert groups.tolist() == [1, 0, 0, 0, -1, 1, 1]
    assert [len(batch[1]) for batch in rows] == [3, 3, 1]  # it can be read again


def test_some_rows(rows: TextRows) -> None:
    some = rows.at([6, 1])
    assert [len(ids) for ids in some.ids] == [10, 3]
    assert some.labels.tolist() == [0, 1]
    assert some.groups.tolist() == [1, 1]


def test_without_groups_no_row_has_one(rows: TextRows) -> None:
    assert TextRows.of(rows.tokens, TEXTS, [0] * 7).groups.unique().tolist() == [-1]


def test_refusals(rows: TextRows) -> None:
    for texts, labels in (([], []), (["a"], [0, 1])):
        with pytest.raises(DataError, match="give one label and one group code a text"):
            TextRows.of(rows.tokens, texts, labels)


def test_every_row_is_in_one_batch_and_the_epoch_changes_the_order() -> None:
    lengths = torch.randint(1, 40, (1000,), generator=torch.Generator().manual_seed(0)).tolist()
    batches = ShuffledBatches(lengths, 16, seed=0)
    first = list(batches)
    assert len(first) == len(batches) == 63
    assert sorted(row for batch in first for row in batch) == list(range(1000))
    assert list(batches) == first
    batches.epoch = 1
    assert list(batches) != first
    padding = sum(
        max(lengths[row] for row in batch) * len(batch) - sum(lengths[row] for row in batch)
        for batch in first
    )
    assert padding < 0.15 * sum(lengths)  # a random order pads almost as much as there is
