"""Whole MiniLM-L6 on BUG's leading roles: factorised at half the parameters, against other ways.

Every seed has its own rows: 1,000 to train on (``--train``), 300 that choose the epoch, 1,500 to
measure on, 32 tokens each. All methods of a seed start from the same head, fitted on frozen
features. Finished parts are kept in the results file, so that the command goes on where it was
stopped:

    python -m benchmarks text_models

``before`` is measured after the factorisation and before any training. ``trained`` counts what
trains. Gaps are between the genders of the pronouns. Weightings and methods were not chosen by
these numbers; the learning rates are common ones for each way, and were not tuned.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from benchmarks.environment import describe_environment
from torch import nn

from fairfactor.data.splits import split_rows
from fairfactor.data.texts.bug import ROLES, load_bug
from fairfactor.data.texts.text_task import encoder_folder
from fairfactor.errors import FairfactorWarning
from fairfactor.fairness import METRICS, confusion_counts
from fairfactor.files import atomic_write_text
from fairfactor.groups import Groups, encode_groups
from fairfactor.surgery import count_parameters
from fairfactor.text_settings import TextTuningConfig
from fairfactor.text_tuning.classifier import TextClassifier
from fairfactor.text_tuning.objective import make_objective
from fairfactor.text_tuning.preparation import prepare, probe_head
from fairfactor.text_tuning.rows import TextRows
from fairfactor.text_tuning.training import predict_logits, train

RESULT = Path(__file__).parent / "results" / "text_models.json"
SEEDS = (0, 1, 2)
SIZES = {"train": 1000, "validation": 300, "test": 1500}
TOKENS = 32
EPOCHS = 2
REPORTED = (
    "accuracy",
    "equalized_odds_difference_worst_case",
    "demographic_parity_difference",
    "rms_true_positive_rate_difference",
)
WEIGHTINGS = ("neutralized", "pooled-fisher", "activation-whitened", "plain")
TUNED = ("neutralized",)


@dataclass(frozen=True, eq=False)
class Start:
    """The same rows and the same fitted head for every method of a seed."""

    classifier: TextClassifier
    rows: dict[str, TextRows]
    group_names: tuple[str, ...]

    @classmethod
    def of(cls, seed: int) -> Start:
        frame = load_bug()
        labels = frame["role"].map(ROLES.index).to_numpy()
        groups = encode_groups(frame["gender"])
        left = len(frame) - sum(SIZES.values())
        shares = {name: size / len(frame) for name, size in SIZES.items()}
        parts = split_rows(len(frame), {**shares, "left": left / len(frame)}, seed=seed)
        classifier = TextClassifier.from_folder(
            encoder_folder(None), class_names=ROLES, maximum_tokens=TOKENS, seed=seed
        )
        rows = {
            name: TextRows.of(
                classifier.tokens,
                list(frame["text"].iloc[parts[name]]),
                labels[parts[name]],
                groups.codes[parts[name]],
            )
            for name in SIZES
        }
        probe_head(classifier.model, rows["train"], rows["validation"], seed=seed)
        return cls(classifier, rows, groups.names)

    def measure(self, model: nn.Module) -> dict[str, float]:
        logits, labels, groups = zip(
            *((predict_logits(model, x), y, g) for x, y, g in self.rows["test"]), strict=True
        )
        counts = confusion_counts(
            torch.cat(labels).numpy(),
            torch.cat(logits).argmax(1).numpy(),
            Groups(torch.cat(groups).numpy(), self.group_names),
            n_classes=2,
        )
        return {name: float(METRICS[name](counts)) for name in REPORTED}

    def tune(self, model: nn.Module, config: TextTuningConfig) -> dict[str, Any]:
        began = time.perf_counter()
        objective = make_objective(config.objective, config.strength, 2, len(self.group_names))
        train(model, self.rows["train"], self.rows["validation"], objective, config)
        return {"seconds": time.perf_counter() - began, **self.measure(model)}


def config(seed: int, rate: float, **options: Any) -> TextTuningConfig:
    return TextTuningConfig(
        epochs=EPOCHS, learning_rate=rate, measured_rows=500, seed=seed, **options
    )


def probe(start: Start, _seed: int) -> dict[str, Any]:
    return {
        "trained": sum(p.numel() for p in start.classifier.model.classifier.parameters()),
        "after": start.measure(start.classifier.model),
    }


def whole(start: Start, seed: int) -> dict[str, Any]:
    """Every linear layer and the head, as they are."""
    model = copy.deepcopy(start.classifier.model).requires_grad_(False)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.requires_grad_()
    return {
        "trained": count_parameters(model).trained,
        "after": start.tune(model, config(seed, 5e-5)),
    }


def lora(start: Start, seed: int) -> dict[str, Any]:
    import peft

    model = copy.deepcopy(start.classifier.model)
    adapted = peft.get_peft_model(
        model,
        peft.LoraConfig(
            r=8, lora_alpha=16, target_modules="all-linear", modules_to_save=["classifier"]
        ),
    )
    return {
        "trained": count_parameters(adapted).trained,
        "after": start.tune(adapted, config(seed, 1e-3)),
    }


def factorised(weighting: str, *, tuned: bool) -> Callable[[Start, int], dict[str, Any]]:
    def run(start: Start, seed: int) -> dict[str, Any]:
        model = copy.deepcopy(start.classifier.model)
        settings = config(seed, 5e-4, weighting=weighting)
        began = time.perf_counter()
        prepared = prepare(model, start.rows["train"], settings, start.group_names)
        result = {
            "trained": prepared.parameters.trained,
            "parameters": prepared.parameters.total,
            "seconds_to_factorise": time.perf_counter() - began,
            "before": start.measure(model),
        }
        return {**result, "after": start.tune(model, settings)} if tuned else result

    return run


METHODS: dict[str, Callable[[Start, int], dict[str, Any]]] = {
    "head only": probe,
    "all linear layers": whole,
    "LoRA": lora,
    **{
        f"{weighting} at half": factorised(weighting, tuned=weighting in TUNED)
        for weighting in WEIGHTINGS
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--train", type=int, default=SIZES["train"], help="texts to train on")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    warnings.simplefilter("ignore", FairfactorWarning)
    torch.set_num_threads(1)
    SIZES["train"] = options.train
    result: dict[str, Any] = {"environment": describe_environment(), "rows": {}}
    if options.output.exists():
        result = json.loads(options.output.read_text())
    began = time.perf_counter()
    for seed in options.seeds:
        start = None
        for name in options.methods:
            key = f"{name}, seed {seed}"
            if options.train != 1000:
                key += f", {options.train} texts"
            if key in result["rows"]:
                continue
            if time.perf_counter() - began > options.limit:
                print("stopped at", key)
                return
            start = start or Start.of(seed)
            row = {"method": name, "seed": seed, "texts": options.train}
            row |= METHODS[name](start, seed)
            result["rows"][key] = row
            atomic_write_text(options.output, json.dumps(result, indent=1) + "\n")
            print(row, flush=True)


if __name__ == "__main__":
    main()
