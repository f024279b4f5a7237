"""Open question: wall-clock and floating-point operations, not parameters alone."""

from __future__ import annotations

import copy
from time import perf_counter, process_time

from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from fairfactor.finetuning import FinetuneConfig, finetune
from fairfactor.intervals import mean_interval
from fairfactor.reproduction.backbones import ARCHITECTURES
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.measure import quietly_fitted
from fairfactor.reproduction.outcome import Report, Row
from fairfactor.reproduction.problem import Problem
from fairfactor.reproduction.problems import prepare_model, prepared, problem
from fairfactor.reproduction.study import Study
from fairfactor.surgery import count_parameters

METHODS = {
    "whole": "whole network",
    "head-tuning": "plain head (TL)",
    "plain-svd": "plain SVD, rank 2",
    "neutralized": "the paper's method, rank 2",
}
_BUDGET = FinetuneConfig((0.01,), 8, 512)
COLUMNS = {
    "trained_parameters": "Trained parameters",
    "seconds": "Seconds, all of it",
    "processor_seconds": "Processor seconds",
    "megaflops": "MFLOP for each step of 512 rows",
}


def _configurations() -> list[Configuration]:
    return [
        {"architecture": architecture, "method": method}
        for architecture in ARCHITECTURES
        for method in METHODS
    ]


def _run(configuration: Configuration, seed: int) -> Result:
    rows = problem("adult", seed)
    start = prepared("adult", configuration["architecture"], seed).model
    budgeted = Problem(rows.rows, rows.group_names, rows.class_names, _BUDGET, rows.pretraining)
    method = configuration["method"]
    began = perf_counter(), process_time()
    if method == "whole":
        model = copy.deepcopy(start).requires_grad_()
        train, validation = rows.rows["train"], rows.rows["validation"]
        finetune(
            model,
            (train.inputs, train.targets),
            (validation.inputs, validation.targets),
            config=_BUDGET,
            seed=seed,
        )
        seconds = perf_counter() - began[0], process_time() - began[1]
        trained, inputs = model, train.inputs
    else:
        # Box 1 and the cached features are part of the price.
        own = prepare_model(start, budgeted)
        rank = None if method == "head-tuning" else 2
        model = quietly_fitted(own, budgeted, method, rank, seed).model
        seconds = perf_counter() - began[0], process_time() - began[1]
        trained, inputs = model.get_submodule("head"), own.train.inputs
    return {
        "metrics": {},
        "seconds": seconds[0],
        "processor_seconds": seconds[1],
        "trained_parameters": count_parameters(model).trained,
        "megaflops": _step(trained, inputs[:512], rows.rows["train"].targets[:512]) / 1e6,
    }


def _step(trained: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """Floating-point operations of one training step of what is trained, on cached features."""
    with FlopCounterMode(display=False) as counter:
        functional.cross_entropy(trained(inputs), targets).backward()
    return float(counter.get_total_flops())


def _report(cells: Cells) -> Report:
    rows = {
        (architecture, method): Row.of(
            f"{name}: {label}",
            cells.one(architecture=architecture, method=method),
            metrics=(),
            fields=tuple(COLUMNS),
        )
        for architecture, name in ARCHITECTURES.items()
        for method, label in METHODS.items()
    }
    findings = []
    for architecture, name in ARCHITECTURES.items():
        ours = rows[architecture, "neutralized"]
        for other in ("whole", "head-tuning"):
            theirs = rows[architecture, other]
            parts = [
                f"{_ratio(ours, theirs, column):.2f} of the {label}"
                for column, label in (
                    ("trained_parameters", "trained parameters"),
                    ("megaflops", "operations of a step"),
                    ("processor_seconds", "processor seconds"),
                )
            ]
            findings.append(
                f"{name}, the paper's method against {METHODS[other]}: {', '.join(parts)}."
            )
    return Report(
        list(rows.values()),
        columns=COLUMNS,
        findings=findings,
        lessons=[
            (
                "What saves time is freezing the backbone and keeping its features, which tuning "
                "the plain head does too. At two classes the factors have more parameters than "
                "the head they replace (46 against 42)."
            )
        ],
    )


def _ratio(first: Row, second: Row, column: str) -> float:
    """Mean over seeds of the ratio within one run."""
    pairs = zip(first.values[column], second.values[column], strict=True)
    return mean_interval([a / b for a, b in pairs]).mean


STUDY = Study(
    name="cost",
    title="Open question: what it costs",
    question="The paper counts parameters against re-training the whole network. Seconds on this "
    "processor, one at a time, and floating-point operations, with the plain head as the other "
    "yardstick. Ratios are of processor seconds, which other work on the machine moves less. "
    "Fisher information, factorising and caching features are included; one learning rate, 8 "
    "epochs. No accelerator was used.",
    configurations=_configurations,
    run=_run,
    report=_report,
    alone=True,
)
