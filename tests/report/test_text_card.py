from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fairfactor.errors import ArgumentError
from fairfactor.fairness import METRICS, ConfusionCounts
from fairfactor.report.text_card import push_to_hub, save_card, text_card

hub = pytest.importorskip("huggingface_hub", reason="needs pip install 'fairfactor[text]'")
COUNTS = ConfusionCounts(np.array([[[40, 10], [20, 30]], [[90, 10], [10, 90]]]), ("f|em", "male"))


def test_the_hub_reads_the_metrics(tmp_path: Path) -> None:
    card = text_card(COUNTS, ("no", "yes"), data="BUG", license="mit", base_model="some/encoder")
    loaded = hub.ModelCard.load(save_card(card, tmp_path))
    results = {result.metric_type: result.metric_value for result in loaded.data.eval_results}
    assert results["accuracy"] == round(250 / 300, 4)
    for name in results.keys() - {"accuracy"}:
        assert results[name] == round(float(METRICS[name](COUNTS)), 4)
    assert loaded.data.base_model == "some/encoder"
    assert loaded.data.pipeline_tag == "text-classification"


def test_every_group_is_in_it_with_intervals() -> None:
    text = str(text_card(COUNTS, ("no", "yes"), data="BUG"))
    assert "| male | 200 | 0.900 (0.851 to 0.934) |" in text
    assert "f|em |" not in text  # a hostile name breaks no table
    assert "Equal opportunity difference | 0.300 (" in text


def test_many_classes_and_small_groups() -> None:
    cells = np.array([np.diag([5, 6, 7]), np.diag([50, 60, 70])])
    text = str(text_card(ConfusionCounts(cells, ("a", "b")), ("x", "y", "z"), data="D"))
    assert "Fewer than 100 rows, so that little can be said: a." in text
    assert "true positive rate |" not in text


def test_pushing_uses_the_users_own_api(tmp_path: Path) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    class FakeApi:
        def create_repo(self, repository: str, **options: Any) -> None:
            calls.append((repository, options))

        def upload_folder(self, **options: Any) -> SimpleNamespace:
            calls.append(("upload", options))
            return SimpleNamespace(commit_url="https://example.invalid/commit")

    with pytest.raises(ArgumentError, match=r"a folder with README\.md"):
        push_to_hub(tmp_path, "me/model", api=FakeApi())
    assert calls == []
    save_card(text_card(COUNTS, ("no", "yes"), data="BUG"), tmp_path)
    assert push_to_hub(tmp_path, "me/model", api=FakeApi()) == "https://example.invalid/commit"
    assert calls == [
        ("me/model", {"private": True, "exist_ok": True}),
        ("upload", {"repo_id": "me/model", "folder_path": str(tmp_path)}),
    ]


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="with 3 classes"):
        text_card(COUNTS, ("a", "b", "c"), data="BUG")
