"""Open question: how many samples make the Fisher information of a group stable?"""

from __future__ import annotations

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from fairfactor.features import evaluation_mode
from fairfactor.finetuning import FinetuneConfig
from fairfactor.importance import GroupFisher, group_fisher
from fairfactor.pipeline import Rows
from fairfactor.reproduction.backbones import build_backbone
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.outcome import Report, Row, over_seeds
from fairfactor.reproduction.phrases import line_picture
from fairfactor.reproduction.problems import prepared, problem
from fairfactor.reproduction.study import Study
from fairfactor.studies.seed_run import pretrain

SAMPLES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
BATCHES = (1, 16, 256, 4096)
EPOCHS = (1, 2, 5, 30)
ENOUGH = 0.95
"""Rank correlation from which an order of importance is called stable."""
GROUPS = ("Female", "Male")
COLUMNS = {
    f"{name}_{group}": f"{label}, {group}"
    for name, label in (("rank", "Rank correlation"), ("error", "Relative error"))
    for group in GROUPS
}


def _configurations() -> list[Configuration]:
    return [
        *({"kind": "samples", "size": size} for size in SAMPLES),
        *({"kind": "batch", "size": size} for size in BATCHES),
        *({"kind": "epochs", "size": size} for size in EPOCHS),
        {"kind": "halves", "size": 2},
    ]


def _run(configuration: Configuration, seed: int) -> Result:
    rows, start = problem("adult", seed), prepared("adult", "mlp-2", seed)
    train, size = rows.rows["train"], configuration["size"]
    random = torch.Generator().manual_seed(seed)
    reference = start.fisher
    if configuration["kind"] == "samples":
        # As many rows of each group, so that both curves have the same horizontal axis.
        chosen = [
            own[torch.randperm(len(own), generator=random)[:size]]
            for code in range(len(GROUPS))
            for own in [(train.groups == code).nonzero()[:, 0]]
        ]
        found = _fisher(start.model, train.at(torch.cat(chosen)), 4096)
    elif configuration["kind"] == "batch":
        found = _fisher(start.model, train, size)
    elif configuration["kind"] == "halves":
        order = torch.randperm(len(train.targets), generator=random)
        first, second = order.chunk(2)
        reference = _fisher(start.model, train.at(first), 4096)
        found = _fisher(start.model, train.at(second), 4096)
    else:
        found = _fisher(_trained_for(size, seed), train, 4096)
    return {"metrics": _compared(found.row_importance, reference.row_importance)}


def _fisher(model: nn.Module, rows: Rows, batch_size: int) -> GroupFisher:
    with evaluation_mode(model):
        return group_fisher(model, rows.batches(batch_size), layers=["head"], group_names=GROUPS)[
            "head"
        ]


def _trained_for(epochs: int, seed: int) -> nn.Module:
    """The same network after another number of epochs; its last epoch is not chosen on rows."""
    rows = problem("adult", seed)
    source = rows.rows["pretraining"]
    model = build_backbone("mlp-2", source.inputs.shape[1], 2, seed=seed)
    config = FinetuneConfig(rows.pretraining.learning_rates, epochs, rows.pretraining.batch_size)
    return pretrain(model, source, config, seed).eval()


def _compared(found: Tensor, reference: Tensor) -> dict[str, float]:
    metrics = {}
    for code, group in enumerate(GROUPS):
        mine, theirs = found[code], reference[code]
        metrics[f"rank_{group}"] = float(spearmanr(mine.numpy(), theirs.numpy()).statistic)
        metrics[f"error_{group}"] = float((mine - theirs).norm() / theirs.norm())
    return metrics


def _report(cells: Cells) -> Report:
    labels = {
        "samples": "{} rows of each group, against all",
        "batch": "batches of {}, against 4096",
        "epochs": "{} epochs of pre-training, against 15",
        "halves": "one half of the rows against the other",
    }
    rows = {
        (kind, size): Row.of(
            labels[kind].format(size), cells.one(kind=kind, size=size), metrics=tuple(COLUMNS)
        )
        for kind, size in ((c["kind"], c["size"]) for c, _ in cells.results)
    }
    curves = {
        name: line_picture(
            f"{label} of a group's importance from a sample with that from all rows",
            "rows of each group",
            label,
            {
                group: [(size, rows["samples", size].values[f"{name}_{group}"]) for size in SAMPLES]
                for group in GROUPS
            },
            logarithmic=True,
        )
        for name, label in (("rank", "Rank correlation"), ("error", "Relative error"))
    }
    enough = {group: _enough(rows, group) for group in GROUPS}
    largest = max(
        value
        for size in BATCHES
        for group in GROUPS
        for value in rows["batch", size].values[f"error_{group}"]
    )
    texts = [
        f"{group}: {number} rows" if number else f"{group}: more than {SAMPLES[-1]} rows"
        for group, number in enough.items()
    ]
    return Report(
        list(rows.values()),
        columns=COLUMNS,
        findings=[
            (
                f"Rows that are enough for a rank correlation of {ENOUGH} with all rows, by the "
                f"lower end of its interval: {'; '.join(texts)}."
            ),
            (
                f"The size of the batches changes nothing but rounding: at most {largest:.1e}, "
                "because gradients are taken for each sample."
            ),
            *(_epochs_sentence(rows["epochs", size], size) for size in EPOCHS),
        ],
        lessons=[
            (
                "A group's Fisher information needs rows of that group: plan for "
                f"{' and '.join(texts)} before trusting which features matter to it."
            )
        ],
        pictures={f"fisher-stability-{name}": curve for name, curve in curves.items()},
    )


def _enough(rows: dict[tuple[str, int], Row], group: str) -> int | None:
    """The smallest number of rows from which on every interval lies above the bound."""
    number = None
    for size in reversed(SAMPLES):
        interval = over_seeds(rows["samples", size].values[f"rank_{group}"])
        if interval is None or interval.low < ENOUGH:
            break
        number = size
    return number


def _epochs_sentence(row: Row, epochs: int) -> str:
    means = [
        f"{group} {interval.mean:.2f}"
        for group in GROUPS
        if (interval := over_seeds(row.values[f"rank_{group}"]))
    ]
    return f"After {epochs} epochs the rank correlation with 15 epochs is {', '.join(means)}."


STUDY = Study(
    name="fisher-stability",
    title="Open question: how stable is the Fisher information?",
    question="How much does each group's importance of the last layer's features depend on the "
    "number of rows, the batches, the length of pre-training, and the sample?",
    configurations=_configurations,
    run=_run,
    report=_report,
)
