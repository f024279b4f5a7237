"""Write docs/speed.md from the results: ``python -m benchmarks.speed_page``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import gpu_estimate
from benchmarks.bench_memory import WIDTH
from benchmarks.gpu_estimate import GIB, GPUS, MODELS, NUMBER_OF_GROUPS, SAMPLES, TOKENS
from benchmarks.measure import RESULTS

from fairfactor.files import atomic_write_text

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"

INTRODUCTION = """# Speed and scale

What each part costs, how that grows, and what to expect beyond one machine. This page is made from
`benchmarks/results` by `python -m benchmarks.speed_page`; `make bench` measures again. All times
are processor seconds of one thread of {system}, Python {python}, PyTorch {torch}. They depend on
the machine; ratios are taken within one run and should hold on others. No GPU was used: what is
said about GPUs is computed, not measured.
"""

FEATURES = """## Features of a frozen network are computed once

`FeatureCache` keeps them on disk, keyed by a hash of weights, preprocessing and rows, and checks
every byte when it opens them. Later runs, methods, seeds, ranks and points of a frontier read them.
{what}:

{table}

An epoch of a new last layer is {memory}× faster with features in memory than with the network in
the loop, {disk}× with features read from disk in random order. A later run that opens the cache,
checks every byte and then trains its first epoch is {opening}× faster than one that computes.
"""

MEMORY = """## Memory does not grow with rows

Peak memory in MiB above that after the imports, rows streamed from the feature cache: group Fisher
and factorisation, one pass of training with the gap penalty, the full-batch path of a last layer
with a gap penalty (`streamed_penalty_path`), evaluation. Every run was allowed {limit} MiB of data
by the operating system. The growth up to 100,000 rows is that of one file, which holds 65,536 rows
(images: 8,192). From 100,000 to ten million rows of a table, a hundred times as many, the highest
peak goes from {some} to {most} MiB; all features would take {all} MiB.

{table}

Ten million rows took {seconds:.0f} s in all. Some parts hold all rows in memory, by design:
`fairfactor run`, `tune` and `compare` read the table as a data frame and keep the encoded inputs
(4 bytes a number), and `finetune` takes tensors. Where memory does not hold them, use
`group_fisher`, `factorize_model`, a training loop of your own with `RunningGapPenalty`,
`streamed_penalty_path` and `confusion_counts`, whose counts add up.
"""

GROWTH = """## Growth

Least processor seconds at each size. The exponent is the slope on log scales between the two
largest sizes: 0 is flat, 1 linear. The last column has the time of an alternative over ours in the
same run, from the smallest to the largest size at which it was measured.

{table}

One pass serves all groups: the time of group Fisher, of the penalties and of the evaluation does
not depend on their number. Only the neutraliser reads one row of importance a group, which takes
milliseconds. Other statistics of `group_fisher` keep a matrix for every group, so their memory, and
the time to fill it, grows.
"""

PROCESSES = """## Several processes

`group_fisher`, `input_moments`, `factorize_layers`, `GapPenalty`, `RunningGapPenalty`,
`streamed_penalty_path`, `confusion_counts` and `FeatureCache` take `processes=`, see
[any model, any layer](engine.md#several-processes). Group Fisher of the same {samples} samples; the
processor seconds are those of the slowest process:

{table}

Each process gives {moved} to the reduction, once, whatever the number of rows. That the time is
that of one process over their number holds within {error} %.
"""

PRECISION = """## bfloat16 and torch.compile

The default run of Adult at rank 1, {seeds} seeds, in float32, with every forward pass under
bfloat16 autocast, and with networks compiled while they are trained. The verdict, which differences
between methods are detected, is {same}: "{headline}"

{table}

Under `torch.autocast` around a whole training, pass `cache_enabled=False`: its cache would keep the
weights of the first step.
"""

RUN = """## A whole run

{what}: {wall} s on {processors} processors, of which the study takes {study} s. By processor
seconds over all seeds: {parts}. What is left is starting Python and PyTorch in each process; its
optimizers import the compiler, about a second a process, which cannot be avoided from outside.
"""

COST = """## A cost model

A transformer of `blocks` blocks of width d has P = 12 d² · blocks weights in its linear layers. For
n samples of T tokens, G groups and W processes:

{formulas}

Seconds are operations / R + numbers read and written / B + a time for each block and pass. R, B and
that time are fitted to measured points; points marked by * were held out. The formula of a forward
pass's memory was mended once after such a check (it counted the activations of all blocks). K is
the number of rates or classes, r the rank.

{summary}

{tables}
"""

FORMULAS = (
    ("features", "2 P n T + 4 n T² d blocks, over W", "a batch; 4 d n on disk", "none"),
    ("evaluation", "as features", "a batch", "8 G K²"),
    (
        "group Fisher",
        "twice that, and n T Σ min(2 in · out, 2 T (in + out) · 5/8)",
        "activations of a batch, 8 G Σ in",
        "8 G Σ in, once",
    ),
    ("neutralising", "G Σ in", "8 Σ in", "none"),
    ("factorising, exact", "22 d³ a layer, layers over W", "24 d² of a layer", "r (in + out)"),
    (
        "factorising, randomised",
        "2 d² (10 r' + 2 r + 320) + 24 r'² d, with r' = r + max(10, r / 2)",
        "16 d² of a layer",
        "r (in + out)",
    ),
    (
        "training of the factors",
        "6 n T Σ r (in + out), over W",
        "as any training",
        "as any training, 16 G K",
    ),
)

GPU = """## On paper: 7 and 70 billion parameters

**Computed from the model above, not measured.** Assumptions: H100 GPUs at 40 % of the bfloat16 rate
of their data sheet, 50 % of the float32 rate (sums of squares are taken in float32, without TF32)
and 30 % of the float64 rate of tensor cores (factorising); 450 GB/s between 8 GPUs, 50 GB/s of each
GPU between nodes; exchange overlaps with computation; the model is sharded by FSDP2 over all GPUs
in bfloat16; activations of 34 bytes a token, unit of width and block; {samples:,} samples of
{tokens:,} tokens, {groups} groups, samples of a GPU at a time {batch}; ranks an eighth of the
smaller side, randomised.

{table}

The sums of squares cost more than the passes: in float32 a GPU has a twelfth of its bfloat16 rate.
For 70 billion weights and one sample at a time, gathering the weights between nodes takes longer
than computing; larger batches, or a copy of the model in every node, would move fewer bytes.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def features(found: dict[str, Any]) -> str:
    ratios = found["epoch without over epoch with"]
    seconds = found["processor seconds"]
    return FEATURES.format(
        what=found["what"],
        table=table(("", "seconds"), seconds.items()),
        memory=number(ratios["from memory"]),
        disk=number(ratios["from disk"]),
        opening=number(found["epoch without over opening and an epoch"]),
    )


def memory(found: dict[str, Any]) -> str:
    rows = []
    stages = [key for key in found["table"][0] if isinstance(found["table"][0][key], dict)]
    for kind in ("table", "images"):
        for run in found[kind]:
            peaks = (run[stage]["peak growth, MiB"] for stage in stages)
            rows.append([kind, f"{run['rows']:,}", *map(number, peaks)])
    seconds = sum(found["table"][-1][stage]["seconds"] for stage in stages)
    limit = found["limit above the imports, MiB"]
    head = ("", "rows", *stages)
    some, most = (
        number(max(run[stage]["peak growth, MiB"] for stage in stages))
        for run in (found["table"][2], found["table"][-1])
    )
    features = found["table"][-1]["rows"] * WIDTH["table"] * 4 / 2**20
    return MEMORY.format(
        limit=limit,
        table=table(head, rows),
        seconds=seconds,
        some=some,
        most=most,
        all=number(features),
    )


def growth(found: dict[str, Any]) -> str:
    rows = []
    for name, curve in found.items():
        if name == "environment":
            continue
        sizes, seconds = curve["sizes"], curve["processor seconds"]["ours"]
        ratios = [
            f"{other}: {_span(list(values.values()))}"
            for other, values in curve["alternative over ours"].items()
        ]
        rows.append(
            [
                f"{name}{'; ' if curve['note'] else ''}{curve['note']}",
                f"{sizes[0]:,} to {sizes[-1]:,}",
                f"{seconds[0]:.2g} to {seconds[-1]:.2g}",
                curve["exponent"],
                "; ".join(ratios),
            ]
        )
    head = ("", "sizes", "seconds", "exponent", "alternative over ours")
    return GROWTH.format(table=table(head, rows))


def _span(values: list[float]) -> str:
    ends = [number(value) for value in (values[0], values[-1])]
    return ends[0] if len(values) == 1 else f"{ends[0]} to {ends[1]}"


def processes(found: dict[str, Any]) -> str:
    from benchmarks.bench_processes import SHAPE

    rows = [
        [
            row["processes"],
            row["processor seconds of the slowest"],
            row["share of a single process"],
            row["expected share"],
            f"{row['relative difference of the sums']:.0e}",
        ]
        for row in found["Fisher"]
    ]
    head = ("processes", "seconds", "share of one", "expected", "difference of the sums")
    moved = f"{found['bytes given to the reduction'] / 1024:,.0f} KiB"
    error = max(abs(row["error, %"]) for row in found["Fisher"])
    return PROCESSES.format(
        samples=SHAPE.samples, table=table(head, rows), moved=moved, error=error
    )


def precision(found: dict[str, Any]) -> str:
    ways = {name: one for name, one in found.items() if isinstance(one, dict) and "means" in one}
    keys = {"paper_error": "Err %", "demographic_parity_difference": "ΔDP"}
    keys |= {"equalized_odds_difference_sum": "ΔEO (sum)"}
    methods = next(iter(ways.values()))["means"]
    rows = [
        [method, *(one["means"][method][key] for key in keys for one in ways.values())]
        for method in methods
    ]
    head = ("mean over seeds", *(f"{name}, {way}" for name in keys.values() for way in ways))
    return PRECISION.format(
        seeds=found["seeds"],
        same="the same in all three" if found["same verdict"] else "not the same",
        headline=next(iter(ways.values()))["headline"],
        table=table(head, rows),
    )


def run(found: dict[str, Any]) -> str:
    parts = found["parts, processor seconds over all seeds"]
    return RUN.format(
        what=found["what"],
        wall=found["whole process, wall seconds"],
        study=found["study, wall seconds"],
        processors=found["environment"]["processors"],
        parts=", ".join(f"{name} {seconds}" for name, seconds in parts.items()),
    )


def cost(found: dict[str, Any]) -> str:
    fits = {name.replace("_", " "): fit for name, fit in found.items() if "points" in fit}
    summary = [[name, fit["worst held-out error, %"]] for name, fit in fits.items()]
    moved = found["bytes between processes, Fisher"]
    rows = [
        [
            name,
            f"{point['point']}{' *' if point['held out'] else ''}",
            point["measured"],
            point["predicted"],
            f"{point['error, %']:+}".replace("-", "−"),
        ]
        for name, fit in fits.items()
        for point in fit["points"]
    ]
    exact = all(point["counted"] == point["predicted"] for point in moved)
    said = "equal" if exact else "do not equal"
    summary_table = table(("", "largest error at a held-out size, %"), summary)
    return COST.format(
        formulas=table(
            ("box", "operations", "memory beyond the model", "bytes from each process"), FORMULAS
        ),
        summary=f"{summary_table}\n\nBytes counted where they leave a process {said} the formula.",
        tables='<details markdown="1"><summary>Every point</summary>\n\n'
        + table(("", "point", "measured", "predicted", "error, %"), rows)
        + "\n\n</details>",
    )


def on_gpus() -> str:
    rows = []
    for model in MODELS:
        for gpus in GPUS:
            found = gpu_estimate.fisher(model, gpus)
            seconds = max(found["passes, s"] + found["squares, s"], found["exchange, s"])
            training, serving = (
                gpu_estimate.tokens_per_second(model, gpus, training=kind) / 1e6
                for kind in (True, False)
            )
            rows.append(
                [
                    model.name,
                    gpus,
                    number(seconds),
                    *(number(found[k]) for k in ("passes, s", "squares, s", "exchange, s")),
                    number(found["bytes exchanged"] / 1e9),
                    number(found["memory"] / GIB),
                    number(gpu_estimate.factorization(model, gpus)),
                    number(training),
                    number(serving),
                ]
            )
    head = (
        "weights",
        "GPUs",
        "Fisher, s",
        "passes, s",
        "squares, s",
        "exchange, s",
        "GB from each GPU",
        "GiB on each GPU",
        "factorising, s",
        "training, million tokens/s",
        "evaluation, million tokens/s",
    )
    batch = " and ".join(f"{m.batch} of {m.name}" for m in MODELS)
    return GPU.format(
        samples=SAMPLES,
        tokens=TOKENS,
        groups=NUMBER_OF_GROUPS,
        batch=batch,
        table=table(head, rows),
    )


PARTS = {
    "features": features,
    "memory": memory,
    "growth": growth,
    "run": run,
    "precision": precision,
    "processes": processes,
    "cost": cost,
}


def main() -> None:
    found = {
        name: json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in PARTS
    }
    parts = [INTRODUCTION.format(**found["growth"]["environment"])]
    parts += [make(found[name]) for name, make in PARTS.items()]
    atomic_write_text(PAGE, "\n".join([*parts, on_gpus()]))
    print(f"{PAGE} written")


if __name__ == "__main__":
    main()
