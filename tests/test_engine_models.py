"""The engine on whole models of several kinds, against an independent oracle and other readers."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.engine_models import ENGINE_MODELS, GROUPS, EngineModel, as_double
from tests.oracles.per_sample_fisher import per_sample_fisher
from torch import Tensor, nn

from fairfactor.errors import DataError
from fairfactor.importance import GroupFisher, group_fisher
from fairfactor.rank import RankFraction
from fairfactor.surgery import LowRankLayer, attach_adapter, load_model, save_adapter, save_model
from fairfactor.weighting import (
    ActivationWhitened,
    BiasAware,
    FullNeutralized,
    Kronecker,
    Neutralized,
    Weighting,
)
from fairfactor.whole_model import factorize_layers, factorize_model

pytestmark = [
    # PEFT asks transformers for a property that transformers has renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    # PyTorch's own exporter calls what PyTorch has deprecated.
    pytest.mark.filterwarnings(r"ignore:.isinstance\(treespec, LeafSpec\).:FutureWarning"),
    # An LSTM of PyTorch caches its flat weights in a list during export.
    pytest.mark.filterwarnings("ignore:The tensor attributes self.recurrent:UserWarning"),
]


@pytest.fixture(params=ENGINE_MODELS)
def case(request: pytest.FixtureRequest) -> EngineModel:
    return ENGINE_MODELS[request.param]


@functools.cache
def loop_over_samples(case: EngineModel, layer: str) -> tuple[Tensor, Tensor, Tensor]:
    """Row importance, diagonal and input matrix in float64."""
    loop = per_sample_fisher(
        case.build(),
        as_double(case.inputs),
        case.targets,
        f"{layer}.weight",
        loss=case.loss,
        transposed=layer.startswith(case.transposed),
    )
    return loop.group_means(GROUPS)


def largest_error(found: GroupFisher, case: EngineModel, layer: str) -> float:
    """Largest relative error of any statistic against the loop over samples."""
    errors = []
    for value, expected in zip(
        (found.row_importance, found.diagonal, found.input_matrix),
        loop_over_samples(case, layer),
        strict=True,
    ):
        assert value is not None
        errors.append(float((value - expected).abs().max() / expected.abs().max()))
    return max(errors)


def factorised(case: EngineModel, weighting: Weighting) -> nn.Module:
    model = case.build()
    factorize_model(
        model, case.batches, weighting=weighting, rank=RankFraction(0.25), loss=case.loss
    )
    return model


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_group_fisher_of_all_layers_equals_the_loop_over_samples(
    case: EngineModel, dtype: torch.dtype, tolerance: float
) -> None:
    model, batches = case.build().to(dtype), case.batches
    if dtype == torch.float64:
        batches = [(as_double(inputs), *others) for inputs, *others in batches]
    result = group_fisher(
        model,
        batches,
        layers="all-linear",
        loss=case.loss,
        statistics=("diagonal", "input_matrix"),
    )
    assert len(result) == case.layers
    for name, found in result.items():
        assert found.counts.tolist() == [4, 4, 3]
        assert largest_error(found, case, name) < tolerance


def test_patch_embedding_of_a_vision_transformer_equals_the_loop() -> None:
    case = ENGINE_MODELS["vit"]
    model = case.build().double()
    batches = [(as_double(inputs), *others) for inputs, *others in case.batches]
    name = "vit.embeddings.patch_embeddings.projection"
    statistics = ("diagonal", "input_matrix")
    found = group_fisher(model, batches, layers=name, statistics=statistics)[name]
    assert largest_error(found, case, name) < 1e-10


@pytest.mark.parametrize(
    "weighting",
    [Neutralized(), FullNeutralized(), Kronecker(), ActivationWhitened(), BiasAware()],
    ids=lambda weighting: type(weighting).__name__,
)
def test_factorised_model_survives_saving(
    case: EngineModel, weighting: Weighting, tmp_path: Path
) -> None:
    model = factorised(case, weighting)
    replaced = [name for name, module in model.named_modules() if isinstance(module, LowRankLayer)]
    assert len(replaced) in {case.layers, case.layers - 1}  # a head with one output stays whole
    save_model(model, tmp_path / "saved")
    outputs = case.outputs(model)
    assert not torch.allclose(outputs, case.outputs(case.build()))
    loaded = load_model(case.build(), tmp_path / "saved").eval()
    assert torch.equal(case.outputs(loaded), outputs)


class SharedTower(nn.Module):
    """One tower for both inputs of a pair, called twice or once on all of them."""

    def __init__(self, *, joined: bool) -> None:
        super().__init__()
        self.joined = joined
        self.tower = nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 8))
        self.score = nn.Linear(8, 2)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        if self.joined:
            one, two = self.tower(torch.cat([first, second])).chunk(2)
        else:
            one, two = self.tower(first), self.tower(second)
        return self.score(one * two)


def test_a_shared_tower_is_exact_or_refused() -> None:
    torch.manual_seed(0)
    model = SharedTower(joined=False).double()
    inputs = (torch.randn(12, 7).double(), torch.randn(12, 7).double())
    targets = torch.arange(12) % 2
    found = group_fisher(model, [(inputs, targets, GROUPS)], layers="all-linear")
    for name, fisher in found.items():
        loop = per_sample_fisher(model, inputs, targets, f"{name}.weight").group_means(GROUPS)
        torch.testing.assert_close(fisher.row_importance, loop[0], rtol=1e-10, atol=0)
    model.joined = True
    with pytest.raises(DataError, match=r"'tower\.\d' does not have the samples along the first"):
        group_fisher(model, [(inputs, targets, GROUPS)], layers="all-linear")


def test_convolution_and_linear_layers_of_a_vision_transformer_together(tmp_path: Path) -> None:
    case = ENGINE_MODELS["vit"]
    model = case.build()
    result = factorize_model(
        model, case.batches, layers="*", weighting=Neutralized(), rank=RankFraction(0.25)
    )
    assert len(result) == case.layers + 1
    assert all(layer.replacement for layer in result.values())
    save_model(model, tmp_path / "saved")
    loaded = load_model(case.build(), tmp_path / "saved").eval()
    assert torch.equal(case.outputs(loaded), case.outputs(model))


def write_example(folder: Path, case: EngineModel, model: nn.Module) -> None:
    """Write inputs, in their order, and what the model makes of them."""
    positional, named = case.arguments
    inputs = named or {f"positional_{index}": value for index, value in enumerate(positional)}
    tensors = {f"{index}.{name}": value for index, (name, value) in enumerate(inputs.items())}
    save_file(tensors | {"expected": case.outputs(model)}, folder / "example.safetensors")


def write_program(folder: Path, case: EngineModel) -> None:
    model = factorised(case, Neutralized())
    program = torch.export.export(model, *case.arguments)
    torch.export.save(program, folder / "program.pt2")
    write_example(folder, case, model)


def write_onnx(folder: Path, case: EngineModel) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = factorised(case, Neutralized())
    positional, named = case.arguments
    path = folder / "model.onnx"
    torch.onnx.export(model, positional, path, kwargs=named, dynamo=True, verbose=False)
    write_example(folder, case, model)


def write_adapter(folder: Path, case: EngineModel) -> None:
    """Train an adapter for a few steps; keep the untouched base and the adapter."""
    model = case.build()
    model.save_pretrained(folder / "base")
    factors = factorize_layers(
        model, case.batches, weighting=Neutralized(), rank=RankFraction(0.25)
    )
    before = case.outputs(model)
    adapted = attach_adapter(model, factors)
    torch.testing.assert_close(case.outputs(adapted), before, atol=1e-5, rtol=1e-5)
    trained = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-2)
    positional, named = case.arguments
    for _ in range(3):
        optimizer.zero_grad()
        logits = adapted(*positional, **named).logits
        nn.functional.cross_entropy(logits, case.targets).backward()
        optimizer.step()
    assert float((case.outputs(adapted) - before).abs().max()) > 1e-2
    save_adapter(adapted, folder / "adapter")
    write_example(folder, case, adapted.double())


def test_a_program_without_fairfactor_reads_the_exports(tmp_path: Path) -> None:
    """torch.export for every model, ONNX Runtime for three, and plain PEFT for two."""
    pytest.importorskip("peft")
    writers = {
        write_program: list(ENGINE_MODELS),
        write_onnx: ["gpt2", "lstm", "two_towers"],
        write_adapter: ["gpt2", "bert"],
    }
    for write, names in writers.items():
        for name in names:
            folder = tmp_path / f"{write.__name__}_{name}"
            folder.mkdir()
            write(folder, ENGINE_MODELS[name])
    reader = Path(__file__).with_name("clean_reader.py")
    command = [sys.executable, "-I", str(reader), str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    errors = {tuple(line.split()[:2]): float(line.split()[2]) for line in found.splitlines()}
    assert len(errors) == sum(map(len, writers.values()))
    assert max(errors.values()) <= 1e-6, errors
