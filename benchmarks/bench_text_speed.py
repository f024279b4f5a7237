"""Inference of MiniLM-L6 as it is and with all linear layers factorised at a share of the weights.

Both are timed in turn, batch by batch, on one thread, so that whatever else the machine does falls
on both; the ratio of the medians counts. Memory is that of the parameters. Factors are those of
plain SVD: every weighting has factors of that size.

    python -m benchmarks text_speed
"""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from benchmarks.environment import describe_environment
from torch import nn

from fairfactor.data.texts.text_task import encoder_folder
from fairfactor.features import evaluation_mode
from fairfactor.files import atomic_write_text
from fairfactor.hugging_face import load_classifier
from fairfactor.text_tuning.preparation import budget
from fairfactor.weighting import Plain
from fairfactor.whole_model import factorize_model

RESULT = Path(__file__).parent / "results" / "text_speed.json"
SHARES = (0.5, 0.25)
SHAPES = ((1, 32), (32, 32), (8, 128))
ROUNDS = 15


def timed(model: nn.Module, tokens: torch.Tensor) -> float:
    began = time.perf_counter()
    model(input_ids=tokens)
    return time.perf_counter() - began


def bytes_of(model: nn.Module) -> int:
    return sum(parameter.nbytes for parameter in model.parameters())


def bytes_of_linear(model: nn.Module) -> int:
    return sum(
        parameter.nbytes
        for layer in model.modules()
        if isinstance(layer, nn.Linear)
        for parameter in layer.parameters()
    )


def main() -> None:
    torch.set_num_threads(1)
    whole = load_classifier(encoder_folder(None), ["no", "yes"])
    result: dict[str, Any] = {"environment": describe_environment(), "measurements": []}
    for share in SHARES:
        small = copy.deepcopy(whole)
        limit = budget(whole, "all-linear", share, mode="replace")
        factorize_model(small, (), weighting=Plain(), rank=limit)
        row: dict[str, Any] = {
            "share of the linear weights": share,
            "bytes of linear layers": [bytes_of_linear(whole), bytes_of_linear(small)],
            "bytes of all parameters": [bytes_of(whole), bytes_of(small)],
            "seconds": {},
        }
        with evaluation_mode(whole), evaluation_mode(small):
            for rows, length in SHAPES:
                tokens = torch.randint(1000, 20000, (rows, length))
                pairs = [(timed(whole, tokens), timed(small, tokens)) for _ in range(ROUNDS + 2)]
                before, after = (median(times) for times in zip(*pairs[2:], strict=True))
                row["seconds"][f"{rows} × {length} tokens"] = {
                    "whole": before,
                    "factorised": after,
                    "speed-up": before / after,
                }
        result["measurements"].append(row)
        print(row, flush=True)
    atomic_write_text(RESULT, json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
