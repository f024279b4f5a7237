"""A model after surgery is an ordinary module to the tools of PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.surgery.examples import images, perceptron, truncated
from torch import Tensor, nn

from fairfactor.surgery import load_model, replace_layer, save_model, weight_matrix


def operated(build: Callable[[], nn.Module]) -> nn.Module:
    model = build().eval()
    for name, rank in {"0": 4, "4": 2}.items():
        replace_layer(model, name, truncated(weight_matrix(model.get_submodule(name)), rank))
    return model


CASES = [
    pytest.param(perceptron, (12,), id="linear"),
    pytest.param(images, (3, 5, 5), id="convolution"),
]


@pytest.mark.parametrize(("build", "shape"), CASES)
class TestEveryModel:
    def test_deepcopy_and_state_dict(self, build: Callable, shape: tuple[int, ...]) -> None:
        model, inputs = operated(build), torch.randn(3, *shape)
        twin, other = copy.deepcopy(model), operated(lambda: build(seed=1))
        other.load_state_dict(model.state_dict())
        assert torch.equal(twin(inputs), model(inputs))
        assert torch.equal(other(inputs), model(inputs))

    def test_compile(self, build: Callable, shape: tuple[int, ...]) -> None:
        model, inputs = operated(build), torch.randn(3, *shape)
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(inputs), model(inputs))

    def test_export(self, build: Callable, shape: tuple[int, ...]) -> None:
        model, inputs = operated(build), torch.randn(3, *shape)
        batch = torch.export.Dim("batch", min=1, max=64)
        program = torch.export.export(model, (inputs,), dynamic_shapes=({0: batch},))
        larger = torch.randn(7, *shape)
        torch.testing.assert_close(program.module()(larger), model(larger))

    # PyTorch's own exporter calls what PyTorch has deprecated.
    @pytest.mark.filterwarnings(r"ignore:.isinstance\(treespec, LeafSpec\).:FutureWarning")
    def test_onnx(self, build: Callable, shape: tuple[int, ...], tmp_path: Path) -> None:
        onnxruntime = pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
        model, inputs = operated(build), torch.randn(3, *shape)
        path = tmp_path / "model.onnx"
        torch.onnx.export(model, (inputs,), path, dynamo=True, verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (outputs,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
        torch.testing.assert_close(torch.from_numpy(outputs), model(inputs), atol=1e-5, rtol=1e-4)


def test_a_compiled_model_is_saved_under_its_own_names(tmp_path: Path) -> None:
    model, inputs = operated(perceptron), torch.randn(3, 12)
    save_model(torch.compile(model, backend="eager"), tmp_path / "saved")
    loaded = load_model(perceptron(seed=1), tmp_path / "saved")
    assert torch.equal(loaded(inputs), model(inputs))
    compiled = torch.compile(perceptron(seed=1), backend="eager")
    assert torch.equal(load_model(compiled, tmp_path / "saved")(inputs), model(inputs))


def test_surgery_after_compiling_is_seen() -> None:
    model, inputs = perceptron(), torch.randn(3, 12)
    compiled = torch.compile(model, backend="eager")
    before = compiled(inputs)
    replace_layer(compiled, "0", truncated(model[0].weight, 2))
    assert not torch.allclose(compiled(inputs), before)
    torch.testing.assert_close(compiled(inputs), model(inputs))


def test_training_step_of_an_optimizer_built_after_surgery() -> None:
    model, inputs = operated(perceptron).train(), torch.randn(16, 12)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss: Tensor = model(inputs).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
