"""What low-rank factors save in a ResNet-18 for faces, and what they do to accuracy and gaps.

A pre-trained ResNet-18 is fine-tuned to one attribute of LFW+a three times: its head alone, its
last stage, everything. Of each, the layers that were trained are then factorised by each weighting
at the same ranks, a fraction of the full ones, and trained for one more epoch, as is a control
without factors. Everything below is on test rows, of people whom no other row shows. Time is the
processor's, in rounds in which the models take turns.

    fairfactor pretrain --root UTKFACE --out weights
    python -m benchmarks.bench_low_rank_images --lfwa LFWA --weights weights/weights.safetensors

Finished parts are kept in --work, so that an interrupted call goes on.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from benchmarks.environment import describe_environment
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from fairfactor.data.images.releases import RELEASES
from fairfactor.data.images.table import IMAGE
from fairfactor.fairness import ConfusionCounts, confusion_counts, equalized_odds_difference
from fairfactor.files import atomic_write_text
from fairfactor.groups import Groups
from fairfactor.images.pixels import read_pixels
from fairfactor.intervals import bootstrap_gap_interval
from fairfactor.models.image_networks import IMAGE_NETWORKS, IMAGENET, build_image_network
from fairfactor.models.image_weights import load_image_network
from fairfactor.pretraining.config import PretrainConfig
from fairfactor.pretraining.training import LabelledImages, fit, predict_classes
from fairfactor.rank import RankFraction
from fairfactor.surgery import count_parameters, freeze_except, load_model, save_model
from fairfactor.weighting import FisherWeighted, Neutralized, Plain, Weighting
from fairfactor.whole_model import factorize_model

RESULT = Path(__file__).parent / "results" / "low_rank_images.json"
SCOPES = {"last stage": ["layer4", "fc"], "everything": [], "head": ["fc"]}
LAYERS = {"head": ["fc"], "last stage": ["layer4.*", "fc"], "everything": ["layer*", "fc"]}
WEIGHTINGS: dict[str, Callable[[], Weighting | None]] = {
    "no factors": lambda: None,  # the control: one more epoch alone
    "neutralised": Neutralized,
    "plain": Plain,
    "pooled": FisherWeighted,
}
FRACTIONS = {"last stage": 0.125, "everything": 0.25, "head": 0.5}
MULTIPLE = 16
EPOCHS = {"head": 2, "last stage": 2, "everything": 1}
FISHER_ROWS = 512
SIZE = 64


@dataclass(frozen=True)
class Part:
    """Some rows."""

    pixels: Tensor
    targets: Tensor
    groups: Tensor

    def __getitem__(self, rows: Tensor) -> Part:
        return Part(self.pixels[rows], self.targets[rows], self.groups[rows])

    @property
    def labelled(self) -> LabelledImages:
        return LabelledImages(self.pixels, self.targets)


@dataclass(frozen=True)
class Faces:
    train: Part
    validation: Part
    test: Part


def load_faces(root: Path, work: Path, label: str, group: str, seed: int) -> Faces:
    """The official test rows; a fifth of the people of the training rows are for validation."""
    table = RELEASES["lfwa"].load(root)
    frame = table.frame
    kept = work / f"pixels{SIZE}.safetensors"
    if not kept.exists():
        pixels = read_pixels(table.images, frame[IMAGE].tolist(), SIZE, centre=table.centre)
        save_file({"pixels": pixels.contiguous()}, kept)
    pixels = load_file(kept)["pixels"]
    targets, groups = (torch.tensor(frame[name].astype(int).tolist()) for name in (label, group))
    whole = Part(pixels, targets, groups)
    people = frame["person"][frame["split"] == "train"].unique()
    chosen = np.random.default_rng(seed).permutation(np.asarray(people))[: len(people) // 5]
    test = torch.tensor((frame["split"] != "train").tolist())
    validation = torch.tensor(frame["person"].isin(set(chosen)).tolist()) & ~test
    return Faces(whole[~test & ~validation], whole[validation], whole[test])


def settings(seed: int, learning_rate: float) -> PretrainConfig:
    return PretrainConfig(
        root="", size=SIZE, seed=seed, learning_rate=learning_rate, precision="bfloat16"
    )


def train(
    model: nn.Module,
    scope: str,
    part: Part,
    seed: int,
    epochs: int,
    rate: float,
    state: Path | None = None,
) -> None:
    model.requires_grad_(True)
    if SCOPES[scope]:
        freeze_except(model, SCOPES[scope])
    fit(model, part.labelled, settings(seed, rate), [SIZE] * epochs, state=state)


def predicted(model: nn.Module, part: Part) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return predict_classes(model, part.pixels, settings(0, 1.0))


def kept_predictions(path: Path, model: nn.Module, part: Part) -> Tensor:
    """Predict, unless that was done before."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"predicted": predicted(model, part)}, path)
    return load_file(path)["predicted"]


def accuracy(model: nn.Module, part: Part) -> float:
    return float((predicted(model, part) == part.targets).double().mean())


def tuned(work: Path, weights: Path, faces: Faces, scope: str, seed: int) -> nn.Module:
    """The pre-trained network, fine-tuned in one scope without factors."""
    model = load_image_network("resnet18", weights)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model.fc = nn.Linear(512, 2)
    file = work / f"{scope}-{seed}.safetensors"
    if file.exists():
        model.load_state_dict(load_file(file))
        return model.eval()
    if scope == "head":
        train(model, scope, faces.train, seed, EPOCHS[scope], 0.05)
    else:  # the head first, so that random outputs do not disturb what was learned before
        model.load_state_dict(tuned(work, weights, faces, "head", seed).state_dict())
        train(model, scope, faces.train, seed, EPOCHS[scope], 0.02, work / "state")
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, file)
    (work / "state").unlink(missing_ok=True)
    return model.eval()


def batches(part: Part) -> list[tuple[Tensor, Tensor, Tensor]]:
    some = part[torch.arange(min(FISHER_ROWS, len(part.targets)))]
    return [
        (IMAGENET(pixels), targets, groups)
        for pixels, targets, groups in zip(
            some.pixels.split(64), some.targets.split(64), some.groups.split(64), strict=True
        )
    ]


def factorised(
    model: nn.Module,
    faces: Faces,
    scope: str,
    weighting: Weighting | None,
    fraction: float,
    seed: int,
) -> tuple[nn.Module, dict[str, Any]]:
    """Replace, train for one epoch, and tell what happened on validation rows."""
    model = copy.deepcopy(model)
    result = {}
    if weighting is not None:
        result = factorize_model(
            model,
            batches(faces.train),
            weighting=weighting,
            rank=RankFraction(fraction, MULTIPLE),
            layers=LAYERS[scope],
        )
    replaced = copy.deepcopy(model)
    train(model, scope, faces.train, seed, 1, 0.01)
    ranks = {name: layer.replacement.rank for name, layer in result.items() if layer.replacement}
    return model, {
        "fraction": fraction,
        "replaced_layers": len(ranks),
        "ranks": sorted(set(ranks.values())),
        "validation_accuracy_before_training": accuracy(replaced, faces.validation),
        "validation_accuracy": accuracy(model, faces.validation),
    }


def counts_of(found: Tensor, part: Part) -> ConfusionCounts:
    groups = Groups(part.groups.numpy(), ("0", "1"))
    return confusion_counts(part.targets.numpy(), found.numpy(), groups, n_classes=2)


def quality(found: Tensor, part: Part) -> dict[str, Any]:
    counts = counts_of(found, part)
    right = (found == part.targets).double()
    margin = 1.96 * float(right.std()) / len(right) ** 0.5
    error = 1 - float(right.mean())
    gap = bootstrap_gap_interval(counts, equalized_odds_difference)
    return {
        "error": [error, error - margin, error + margin],
        "equalized_odds_difference": [gap.value, gap.low, gap.high],
    }


def change(found: Tensor, reference: Tensor, part: Part) -> dict[str, Any]:
    """Paired bootstrap over test rows: found minus reference, with 95 % intervals."""
    rows = torch.stack([part.groups, part.targets, found, reference], dim=1).numpy()
    codes = rows @ np.array([8, 4, 2, 1])
    share = np.bincount(codes, minlength=16) / len(codes)
    draws = np.random.default_rng(0).multinomial(len(codes), share, size=2000)
    cells = draws.reshape(-1, 2, 2, 2, 2)  # group, target, found, reference
    once = (share * len(codes)).round().reshape(1, 2, 2, 2, 2)

    def both(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        errors, gaps = [], []
        for axis in (4, 3):  # sum the other model out
            of_model = values.sum(axis=axis)
            total = of_model.sum(axis=(1, 2, 3))
            errors.append(1 - (of_model[:, :, 0, 0] + of_model[:, :, 1, 1]).sum(axis=1) / total)
            rates = of_model[..., 1] / of_model.sum(axis=3)
            gaps.append(np.abs(rates[:, 0] - rates[:, 1]).max(axis=1))
        return errors[0] - errors[1], gaps[0] - gaps[1]

    result = {}
    for name, value, replicates in zip(
        ("error", "equalized_odds_difference"), both(once), both(cells), strict=True
    ):
        low, high = np.quantile(replicates, (0.025, 0.975))
        result[name] = [float(value[0]), float(low), float(high)]
    return result


def sizes(model: nn.Module) -> dict[str, Any]:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, SIZE, SIZE))
    return {"parameters": count_parameters(model).total, "flops": counter.get_total_flops()}


def step(model: nn.Module, inputs: Tensor, targets: Tensor, *, training: bool) -> float:
    start = time.thread_time()
    if training:
        functional.cross_entropy(model(inputs), targets).backward()
    else:
        with torch.no_grad():
            model(inputs)
    return time.thread_time() - start


def architecture(model: nn.Module) -> tuple[tuple[int, ...], ...]:
    """Shape of every parameter: models with the same ones take the same time."""
    return tuple(tuple(parameter.shape) for parameter in model.parameters())


def race(models: dict[str, nn.Module], rounds: int) -> dict[str, dict[str, float]]:
    """Processor time of each model over that of the first, the median of rounds.

    Of models with the same layers one runs for all.
    """
    runners: dict[tuple[tuple[int, ...], ...], str] = {}
    for name, model in models.items():
        runners.setdefault(architecture(model), name)
    found = race_of_different({name: models[name] for name in runners.values()}, rounds)
    return {name: found[runners[architecture(model)]] for name, model in models.items()}


def race_of_different(models: dict[str, nn.Module], rounds: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {name: {} for name in models}
    for kind, count, training in (
        ("one image", 1, False),
        ("64 images", 64, False),
        ("training step of 64", 64, True),
    ):
        inputs, targets = torch.randn(count, 3, SIZE, SIZE), torch.zeros(count, dtype=torch.long)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        repeats = 10 if count == 1 else 1
        seconds: dict[str, list[float]] = {name: [] for name in models}
        for turn in range(rounds + 1):
            for name, model in models.items():
                model.eval()
                taken = sum(step(model, inputs, targets, training=training) for _ in range(repeats))
                model.zero_grad()
                if turn:
                    seconds[name].append(taken / repeats)
        first = seconds[next(iter(models))]
        for name, times in seconds.items():
            found[name][f"{kind}: seconds"] = min(times)
            ratios = [mine / theirs for mine, theirs in zip(times, first, strict=True)]
            found[name][f"{kind}: time over the original"] = median(ratios)
    return found


def race_of_ranks(rounds: int) -> dict[str, dict[str, float]]:
    """Time of two convolutions over that of the one that they replace, by layer and rank."""
    found = {}
    for channels, side in ((64, 16), (128, 8), (256, 4), (512, 2)):
        whole = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        ranks = [channels // 4 - 3, channels // 4, channels // 4 + 3, channels // 2]
        models = {"whole": whole} | {
            f"rank {rank}": nn.Sequential(
                nn.Conv2d(channels, rank, 3, padding=1, bias=False),
                nn.Conv2d(rank, channels, 1, bias=False),
            )
            for rank in ranks
        }
        inputs = torch.randn(64, channels, side, side)
        seconds: dict[str, list[float]] = {name: [] for name in models}
        for turn in range(rounds + 1):
            for name, model in models.items():
                taken = step(model, inputs, inputs, training=False)
                if turn:
                    seconds[name].append(taken)
        found[f"{channels} channels, {side} x {side}"] = {
            name: round(min(times) / min(seconds["whole"]), 3) for name, times in seconds.items()
        } | {f"operations at rank {rank}": round(rank * 10 / (9 * channels), 3) for rank in ranks}
    return found


def race_of_layouts(rounds: int) -> dict[str, float]:
    """Time of a network on images with channels last in memory, over that with channels first."""
    ratios = {}
    first = torch.randn(32, 3, 96, 96)
    last = first.contiguous(memory_format=torch.channels_last)
    for name in IMAGE_NETWORKS:
        model = build_image_network(name, 2, seed=0).eval()
        pairs = [
            [step(model, inputs, inputs, training=False) for inputs in (first, last)]
            for _ in range(rounds)
        ]
        ratios[name] = round(median(new / old for old, new in pairs[1:]), 3)
    return ratios


def describe_cell(
    work: Path, weights: Path, faces: Faces, scope: str, weighting: str, seed: int
) -> None:
    """Factorise, and keep the model and its predictions."""
    place = work / f"{scope}-{weighting}-{seed}"
    if (place / "cell.json").exists():
        return
    original = tuned(work, weights, faces, scope, seed)
    model, told = factorised(
        original, faces, scope, WEIGHTINGS[weighting](), FRACTIONS[scope], seed
    )
    print(scope, weighting, seed, told, flush=True)
    save_model(model, place / "model")
    kept_predictions(place / "predicted", model, faces.test)
    atomic_write_text(place / "cell.json", json.dumps(told))


def summarize(work: Path, weights: Path, faces: Faces, seed: int, rounds: int) -> dict[str, Any]:
    """Compare everything that there is of one seed in one race."""
    models: dict[str, nn.Module] = {}
    rows: dict[str, Any] = {}
    for scope in SCOPES:
        if not (work / f"{scope}-{seed}.safetensors").exists():
            continue
        original = tuned(work, weights, faces, scope, seed)
        models[f"{scope}, whole"] = original
        whole = kept_predictions(work / f"{scope}-{seed}.predicted", original, faces.test)
        rows[f"{scope}, whole"] = {**sizes(original), **quality(whole, faces.test)}
        control: Tensor | None = None
        for weighting in WEIGHTINGS:
            place = work / f"{scope}-{weighting}-{seed}"
            if not (place / "cell.json").exists():
                continue
            model = load_model(copy.deepcopy(original), place / "model").eval()
            found = kept_predictions(place / "predicted", model, faces.test)
            name = f"{scope}, {weighting}"
            models[name] = model
            rows[name] = {
                **json.loads((place / "cell.json").read_text(encoding="utf-8")),
                **sizes(model),
                **quality(found, faces.test),
                "minus_whole": change(found, whole, faces.test),
            }
            if control is not None:
                rows[name]["minus_no_factors"] = change(found, control, faces.test)
            elif weighting == "no factors":
                control = found
    for name, measured in race(models, rounds).items():
        rows[name] |= measured
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lfwa", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--label", default="Smiling")
    parser.add_argument("--group", default="Male")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--scopes", nargs="+", choices=SCOPES, default=list(SCOPES))
    parser.add_argument("--work", type=Path, default=Path("runs/low-rank-images"))
    parser.add_argument("--only-summary", action="store_true", help="of the parts that there are")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for seed in options.seeds:
        faces = load_faces(options.lfwa, options.work, options.label, options.group, seed)
        for weighting, scope in product(() if options.only_summary else WEIGHTINGS, options.scopes):
            describe_cell(options.work, options.weights, faces, scope, weighting, seed)
        rows = summarize(options.work, options.weights, faces, seed, options.rounds)
        results[f"{options.label} by {options.group}, seed {seed}"] = rows
        results["two convolutions over one"] = race_of_ranks(5 * options.rounds)
        results["channels last over channels first, 32 images of 96 pixels"] = race_of_layouts(
            options.rounds
        )
        results["environment"] = describe_environment()
        atomic_write_text(RESULT, json.dumps(results, indent=1) + "\n")
        print(json.dumps(rows, indent=1), flush=True)


if __name__ == "__main__":
    main()
