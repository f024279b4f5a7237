"""Reads what fairfactor exported, in a program that does not know fairfactor.

Run with a folder: each model in it was written with its inputs and expected outputs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor


def largest_error(outputs: Any, expected: Tensor) -> float:
    """Largest error, relative to the largest output if that is above one."""
    outputs = outputs["logits"] if isinstance(outputs, dict) else outputs
    return float((outputs - expected).abs().max() / expected.abs().max().clamp_min(1))


def read_program(folder: Path, inputs: dict[str, Tensor], expected: Tensor) -> float:
    program = torch.export.load(folder / "program.pt2").module()
    named = {name: value for name, value in inputs.items() if not name.startswith("positional")}
    positional = [value for name, value in inputs.items() if name not in named]
    return largest_error(program(*positional, **named), expected)


def read_onnx(folder: Path, inputs: dict[str, Tensor], expected: Tensor) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    names = [entry.name for entry in session.get_inputs()]
    feed = {name: value.numpy() for name, value in zip(names, inputs.values(), strict=True)}
    return largest_error(torch.from_numpy(session.run(None, feed)[0]), expected)


def read_adapter(folder: Path, inputs: dict[str, Tensor], expected: Tensor) -> float:
    """Load the adapter on the untouched base, and merge it: the larger of both errors.

    The saved weights compute in float64 here and where they were written, so that the error is what
    was lost by saving and loading, and not the rounding of two forward passes.
    """
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    base = AutoModelForSequenceClassification.from_pretrained(folder / "base").eval()
    adapted = PeftModel.from_pretrained(base, folder / "adapter").eval().double()
    with torch.no_grad():
        on_top = largest_error(adapted(**inputs).logits, expected)
        merged = largest_error(adapted.merge_and_unload()(**inputs).logits, expected)
    return max(on_top, merged)


READERS = {"program.pt2": read_program, "model.onnx": read_onnx, "adapter": read_adapter}


def main(folder: Path) -> None:
    for model in sorted(folder.iterdir()):
        tensors = load_file(model / "example.safetensors")
        expected = tensors.pop("expected")
        inputs = {name.split(".", 1)[1]: tensors[name] for name in sorted(tensors)}
        for file, read in READERS.items():
            if (model / file).exists():
                print(model.name, file, read(model, inputs, expected))
    assert not any(name.startswith("fairfactor") for name in sys.modules)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
