"""Group Fisher of the same samples by one, two and three processes, and the reduction alone.

Processor seconds of one thread of each process, the largest of them, so that the processes may
share a processor. The transformer is that of the other benchmarks.

    python -m benchmarks.bench_processes
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from benchmarks.bench_cost import Encoder
from benchmarks.cost_model import Shape, fisher_bytes_moved
from benchmarks.measure import median_ratio, write
from torch import distributed

from fairfactor.distributed import ALONE, Processes
from fairfactor.importance import group_fisher

SHAPE = Shape(256, 2, 64, samples=192)
BATCH, ROUNDS, REDUCED = 8, 2, 2**22


def measure(rank: int, number: int, folder: str) -> dict[str, Any]:
    torch.set_num_threads(1)
    processes = ALONE
    if number > 1:
        distributed.init_process_group(
            "gloo",
            init_method=f"file://{folder}/start",
            rank=rank,
            world_size=number,
            timeout=timedelta(minutes=5),
        )
        processes = Processes.started()
    torch.manual_seed(0)
    model = Encoder(SHAPE).eval()
    inputs = torch.randn(SHAPE.samples, SHAPE.tokens, SHAPE.width)
    parts = (inputs, torch.arange(SHAPE.samples) % 2, torch.arange(SHAPE.samples) // 3 % 4)
    own = [part[rank::number].split(BATCH) for part in parts]
    seconds, found = [], {}
    for _ in range(ROUNDS + 1):
        start = time.process_time()
        batches = list(zip(*own, strict=True))
        found = group_fisher(model, batches, layers="blocks.*", processes=processes)
        seconds.append(time.process_time() - start)
    tensor = torch.zeros(REDUCED, dtype=torch.float64)
    start = time.process_time()
    processes.sum([tensor])
    reduction = time.process_time() - start
    total = sum(float(layer.row_importance.sum()) for layer in found.values())
    return {"seconds": seconds[1:], "reduction": reduction, "total": total}


def run(number: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.bench_processes", "--one"]
        workers = [
            subprocess.Popen(
                [*command, str(rank), str(number), folder], stdout=subprocess.PIPE, text=True
            )
            for rank in range(number)
        ]
        return [json.loads(worker.communicate()[0].splitlines()[-1]) for worker in workers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=3, metavar=("RANK", "NUMBER", "FOLDER"))
    options = parser.parse_args()
    if options.one:
        rank, number, folder = options.one
        print(json.dumps(measure(int(rank), int(number), Path(folder).as_posix())))
        return
    found = {number: run(number) for number in (1, 2, 3)}
    alone = found[1][0]
    rows = []
    for number, workers in found.items():
        seconds = [max(times) for times in zip(*(w["seconds"] for w in workers), strict=True)]
        ratio = median_ratio(seconds, alone["seconds"])
        rows.append(
            {
                "processes": number,
                "processor seconds of the slowest": round(min(seconds), 3),
                "share of a single process": ratio,
                "expected share": round(1 / number, 3),
                "error, %": round(100 * (ratio * number - 1), 1),
                "relative difference of the sums": abs(workers[0]["total"] / alone["total"] - 1),
                f"seconds to sum {REDUCED * 8 / 2**20:.0f} MiB": round(
                    max(w["reduction"] for w in workers), 3
                ),
            }
        )
    write(
        "processes",
        {"bytes given to the reduction": int(fisher_bytes_moved(SHAPE)), "Fisher": rows},
    )


if __name__ == "__main__":
    main()
