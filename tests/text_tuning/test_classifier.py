from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.hugging_face.tiny import KINDS, WIDTH, make_folder

from fairfactor.data.texts.templates import ROLES, load_templates
from fairfactor.errors import ArgumentError, DataError, SavedModelError
from fairfactor.surgery import LowRankLayer
from fairfactor.text_tuning import TextClassifier, TextTuningConfig

for package in ("peft", "accelerate"):
    pytest.importorskip(package, reason="needs pip install 'fairfactor[text]'")

pytestmark = [
    # PEFT asks transformers for a property that transformers has renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
FRAME = load_templates(240)
TEXTS, LABELS, GENDER = FRAME["text"], FRAME["role"], FRAME[["gender"]]
QUICK = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-2}


def tuned(folder: Path, **options: object) -> TextClassifier:
    classifier = TextClassifier.from_folder(folder, class_names=ROLES, maximum_tokens=32)
    config = TextTuningConfig.from_dict({**QUICK, **options})
    return classifier.tune(TEXTS, LABELS, sensitive_features=GENDER, config=config)


def low_rank(classifier: TextClassifier) -> list[str]:
    return [n for n, m in classifier.plain_model().named_modules() if isinstance(m, LowRankLayer)]


@pytest.mark.parametrize("kind", KINDS)
def test_all_linear_layers_are_replaced_and_come_back_from_disk(kind: str, tmp_path: Path) -> None:
    classifier = tuned(make_folder(tmp_path / "base", kind))
    assert len(low_rank(classifier)) >= 6
    assert classifier.prepared is not None
    spent = sum(
        layer.replacement.parameters_after
        for layer in classifier.prepared.layers.values()
        if layer.replacement
    )
    assert spent < 0.65 * sum(
        layer.replacement.parameters_before
        for layer in classifier.prepared.layers.values()
        if layer.replacement
    )
    assert classifier.extractor().width == WIDTH  # whatever became of the head
    classifier.save(tmp_path / "saved")
    assert not (tmp_path / "saved" / "adapter").exists()
    for file in (tmp_path / "base").iterdir():
        file.unlink()  # what was saved needs no other folder
    loaded = TextClassifier.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.probabilities(TEXTS), classifier.probabilities(TEXTS))
    assert loaded.class_names == ROLES
    assert loaded.group_names == ("female", "male")
    assert low_rank(loaded) == low_rank(classifier)


READER = """
import sys
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification
folder = sys.argv[1]
tokens = load_file(f"{folder}/tokens.safetensors")
base = AutoModelForSequenceClassification.from_pretrained(f"{folder}/base", num_labels=2)
if base.config.pad_token_id is None:
    base.config.pad_token_id = base.config.eos_token_id
model = PeftModel.from_pretrained(base, f"{folder}/saved/adapter").eval()
logits = model(**tokens).logits.detach()
merged = model.merge_and_unload()(**tokens).logits.detach()
save_file({"logits": logits, "merged": merged}, f"{folder}/logits.safetensors")
assert not any(name.startswith("fairfactor") for name in sys.modules)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_plain_peft_loads_an_adapter_with_its_head(kind: str, tmp_path: Path) -> None:
    classifier = tuned(make_folder(tmp_path / "base", kind), mode="adapter", share=0.2)
    classifier.save(tmp_path / "saved")
    tokens = classifier.tokens.padded(classifier.tokens.ids(list(TEXTS[:20])))
    save_file(tokens, tmp_path / "tokens.safetensors")
    subprocess.run(
        [sys.executable, "-I", "-c", READER, str(tmp_path)], check=True, capture_output=True
    )
    found = load_file(tmp_path / "logits.safetensors")
    expected = classifier.probabilities(TEXTS[:20])
    for logits in found.values():
        np.testing.assert_allclose(logits.softmax(dim=1).numpy(), expected, atol=1e-5)
    loaded = TextClassifier.load(tmp_path / "saved")
    np.testing.assert_allclose(loaded.probabilities(TEXTS[:20]), expected, atol=1e-5)
    assert low_rank(loaded) == []  # it was merged into weights of the usual shapes


def test_the_head_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "base")
    classifier = tuned(folder, layers=["head"])
    untouched = TextClassifier.from_folder(folder, class_names=ROLES).model.state_dict()
    changed = {
        name
        for name, value in classifier.plain_model().state_dict().items()
        if name not in untouched or not torch.equal(value, untouched[name])
    }
    assert {name.split(".")[0] for name in changed} == {"classifier"}


def test_some_layers(tmp_path: Path) -> None:
    classifier = tuned(make_folder(tmp_path / "base"), layers=["*.attention.*"])
    assert low_rank(classifier)
    assert all(".attention." in name for name in low_rank(classifier))


def test_a_head_that_knows_the_classes_is_where_tuning_starts(tmp_path: Path) -> None:
    first = tuned(make_folder(tmp_path / "base"), layers=["head"])
    first.export(tmp_path / "knowing")
    again = TextClassifier.from_folder(tmp_path / "knowing", class_names=ROLES, maximum_tokens=32)
    assert again.knows_task
    np.testing.assert_allclose(again.probabilities(TEXTS), first.probabilities(TEXTS), atol=1e-6)
    with pytest.raises(ArgumentError, match="the order of the folder"):
        TextClassifier.from_folder(tmp_path / "knowing", class_names=ROLES[::-1])


def test_export_is_an_ordinary_folder_of_transformers(tmp_path: Path) -> None:
    classifier = tuned(make_folder(tmp_path / "base"))
    classifier.export(tmp_path / "plain")
    assert json.loads((tmp_path / "plain/config.json").read_text())["id2label"]["1"] == ROLES[1]
    again = TextClassifier.from_folder(tmp_path / "plain", class_names=ROLES, maximum_tokens=32)
    np.testing.assert_allclose(
        again.probabilities(TEXTS), classifier.probabilities(TEXTS), atol=1e-5
    )


@pytest.mark.parametrize("mode", ["replace", "adapter"])
def test_the_same_seed_gives_the_same_model(mode: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    one, other, third = (tuned(folder, mode=mode, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.probabilities(TEXTS), other.probabilities(TEXTS))
    assert not np.array_equal(one.probabilities(TEXTS), third.probabilities(TEXTS))
    assert one.history == other.history


def test_the_order_of_the_data_set_is_kept(tmp_path: Path) -> None:
    classifier = tuned(make_folder(tmp_path))
    alone = np.concatenate([classifier.probabilities([text]) for text in TEXTS[:30]])
    np.testing.assert_allclose(classifier.probabilities(TEXTS[:30]), alone, atol=1e-5)
    counts = classifier.counts(TEXTS, LABELS, sensitive_features=GENDER)
    predicted = np.array(classifier.predict(TEXTS))
    women = (GENDER["gender"] == "female").to_numpy()
    right = ((predicted == LABELS.to_numpy()) & women).sum()
    assert counts.cells[0].trace() == right
    metrics = classifier.metrics(TEXTS, LABELS, sensitive_features=GENDER)
    assert metrics["accuracy"] == (predicted == LABELS.to_numpy()).mean()


def test_the_extractor_gives_what_the_tuned_head_reads(tmp_path: Path) -> None:
    classifier = tuned(make_folder(tmp_path), mode="adapter")
    extractor = classifier.extractor("review")
    head = classifier.plain_model().classifier
    logits = head(extractor.features(list(TEXTS[:10]))).detach()
    np.testing.assert_allclose(
        logits.softmax(dim=1).numpy(), classifier.probabilities(TEXTS[:10]), atol=1e-5
    )


class TestRefusals:
    def test_classes(self, tmp_path: Path) -> None:
        folder = make_folder(tmp_path)
        for names in (["a"], ["a", "a"]):
            with pytest.raises(ArgumentError, match="two or more different names"):
                TextClassifier.from_folder(folder, class_names=names)
        classifier = TextClassifier.from_folder(folder, class_names=["a", "b"])
        with pytest.raises(DataError, match="'other role' is none of the classes"):
            classifier.tune(TEXTS, ["other role"] * len(TEXTS), sensitive_features=GENDER)

    def test_the_head_alone_as_an_adapter(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match="layers besides the head"):
            tuned(make_folder(tmp_path), layers=["head"], mode="adapter")

    def test_tuning_twice(self, tmp_path: Path) -> None:
        classifier = tuned(make_folder(tmp_path))
        with pytest.raises(ArgumentError, match="not tuned yet"):
            classifier.tune(TEXTS, LABELS, sensitive_features=GENDER)

    def test_a_damaged_folder(self, tmp_path: Path) -> None:
        tuned(make_folder(tmp_path / "base")).save(tmp_path / "saved")
        file = tmp_path / "saved/model/config.json"
        file.write_text(file.read_text().replace("other role", "another role"))
        with pytest.raises(SavedModelError, match="altered"):
            TextClassifier.load(tmp_path / "saved")
        with pytest.raises(SavedModelError):
            TextClassifier.load(tmp_path / "base")
