"""Whether bfloat16 and torch.compile change what the default run says.

The same run of Adult, in float32, with every forward pass under bfloat16 autocast, and with
pre-training and fine-tuning by compiled networks. A verdict is which differences between methods
are detected; numbers may differ a little, as they do between machines.

    python -m benchmarks.bench_precision
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from time import process_time
from typing import Any
from unittest.mock import patch

import torch
import torch._dynamo
from benchmarks.measure import write
from torch import nn

from fairfactor import finetuning, pipeline
from fairfactor.config import RunConfig
from fairfactor.studies import seed_run
from fairfactor.studies.comparison import compare_methods
from fairfactor.studies.summary import summarize


@contextmanager
def compiled() -> Iterator[None]:
    """Compile every network in place while it is trained."""

    def finetune(module: nn.Module, *arguments: Any, **options: Any) -> Any:
        module.compile(dynamic=True)
        try:
            return finetuning.finetune(module, *arguments, **options)
        finally:
            module._compiled_call_impl = None

    with (
        patch.object(torch._dynamo.config, "recompile_limit", 1000),
        patch.object(pipeline, "finetune", finetune),
        patch.object(seed_run, "finetune", finetune),
    ):
        yield


def run(seeds: int) -> tuple[dict[str, Any], float]:
    config = RunConfig(seeds=seeds, rank=(1,))
    start = process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        comparison = compare_methods(config.load(), config, workers=1)
    return summarize(comparison), process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)

    ways = {
        "float32": nullcontext,
        # Without its cache, which would keep the weights of the first step.
        "bfloat16 autocast": lambda: torch.autocast("cpu", torch.bfloat16, cache_enabled=False),
        "torch.compile": compiled,
    }
    found: dict[str, Any] = {}
    for name, context in ways.items():
        with context():
            summary, seconds = run(options.seeds)
        found[name] = {
            "headline": summary["verdict"]["headline"],
            "first sentence": summary["verdict"]["sentences"][0],
            "means": {
                method["label"]: {
                    key: float(f"{value['mean']:.4g}") for key, value in method["summary"].items()
                }
                for method in summary["methods"]
            },
            "processor seconds": round(seconds, 1),
            "graphs compiled": torch._dynamo.utils.counters["stats"].get("unique_graphs", 0),
        }
        print(name, found[name], flush=True)
    same = len({(one["headline"], one["first sentence"]) for one in found.values()}) == 1
    write("precision", {"seeds": options.seeds, "same verdict": same, **found})


if __name__ == "__main__":
    main()
