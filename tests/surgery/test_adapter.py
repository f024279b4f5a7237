from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.surgery.examples import Conv1D, PlainFactors, Tied, images, perceptron, truncated
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.surgery import attach_adapter, replace_layer, save_adapter, weight_matrix

peft = pytest.importorskip("peft")

pytestmark = [
    # PEFT asks transformers for a property that transformers has renamed.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


def bert() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        initializer_range=0.3,
    )
    return transformers.BertForSequenceClassification(config).eval()


def logits(model: nn.Module, inputs: Tensor) -> Tensor:
    outputs = model(inputs)
    return outputs if isinstance(outputs, Tensor) else outputs.logits


def exact_logits(model: nn.Module, inputs: Tensor) -> Tensor:
    """Logits of the stored weights in float64, free of the rounding of a float32 pass."""
    wide = inputs.double() if inputs.is_floating_point() else inputs
    with torch.no_grad():
        return logits(copy.deepcopy(model).double(), wide)


def factors_of(model: nn.Module, ranks: dict[str, int]) -> dict[str, PlainFactors]:
    return {
        name: truncated(weight_matrix(model.get_submodule(name)), rank)
        for name, rank in ranks.items()
    }


def train(model: nn.Module, inputs: Tensor) -> None:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        logits(model, inputs).square().sum().backward()
        optimizer.step()


def largest(difference: Tensor) -> float:
    return float(difference.detach().abs().max())


CASES = [
    pytest.param(perceptron, {"0": 3, "4": 2}, torch.randn(4, 12), id="perceptron"),
    pytest.param(images, {"0": 4, "4": 2}, torch.randn(2, 3, 5, 5), id="convolution"),
    pytest.param(
        bert,
        {
            "bert.encoder.layer.0.attention.self.query": 4,
            "bert.encoder.layer.1.output.dense": 5,
            "classifier": 1,
        },
        torch.randint(0, 50, (3, 7)),
        id="bert",
    ),
]


@pytest.mark.parametrize(("build", "ranks", "inputs"), CASES)
def test_round_trip(
    build: Callable[[], nn.Module], ranks: dict[str, int], inputs: Tensor, tmp_path: Path
) -> None:
    model = build().eval()
    untouched, start = copy.deepcopy(model), exact_logits(model, inputs)
    adapted = attach_adapter(model, factors_of(model, ranks)).eval()
    assert largest(exact_logits(adapted, inputs) - start) <= 1e-6  # nothing changes at first

    save_adapter(adapted, tmp_path / "start")
    loaded = peft.PeftModel.from_pretrained(copy.deepcopy(untouched), tmp_path / "start").eval()
    assert largest(exact_logits(loaded, inputs) - start) <= 1e-6

    train(adapted, inputs)
    end = exact_logits(adapted, inputs)
    assert largest(end - start) > 1e-3
    save_adapter(adapted, tmp_path / "end")
    loaded = peft.PeftModel.from_pretrained(copy.deepcopy(untouched), tmp_path / "end").eval()
    assert largest(exact_logits(loaded, inputs) - end) <= 1e-6
    assert largest(exact_logits(loaded.merge_and_unload(), inputs) - end) <= 1e-6
    assert largest(exact_logits(adapted.merge_and_unload(), inputs) - end) <= 1e-6


def test_only_the_factors_train_and_they_are_the_given_ones() -> None:
    model = perceptron()
    weight = model[0].weight.detach().clone()
    factors = factors_of(model, {"0": 3})
    adapted = attach_adapter(model, factors)
    trained = {name for name, value in adapted.named_parameters() if value.requires_grad}
    assert trained == {
        "base_model.model.0.lora_A.default.weight",
        "base_model.model.0.lora_B.default.weight",
    }
    layer = adapted.get_base_model()[0]
    torch.testing.assert_close(layer.lora_A["default"].weight, factors["0"].down.float())
    torch.testing.assert_close(layer.lora_B["default"].weight, factors["0"].up.float())
    product = (factors["0"].up @ factors["0"].down).float()
    torch.testing.assert_close(layer.get_base_layer().weight, weight - product)


def test_names_are_matched_in_full() -> None:
    model = nn.ModuleDict({"fc": nn.Linear(6, 6), "inner": nn.ModuleDict({"fc": nn.Linear(6, 6)})})
    factors = factors_of(model, {"fc": 2})
    adapted = attach_adapter(model, factors)
    assert type(adapted.get_base_model()["inner"]["fc"]) is nn.Linear


def test_saved_files_are_an_ordinary_lora_of_twice_the_rank(tmp_path: Path) -> None:
    model = perceptron()
    adapted = attach_adapter(model, factors_of(model, {"0": 3, "2": 2}))
    for _ in range(2):  # the second save replaces the first
        save_adapter(adapted, tmp_path / "saved")
    names = {entry.name for entry in (tmp_path / "saved").iterdir()}
    assert names >= {"adapter_config.json", "adapter_model.safetensors"}
    config = json.loads((tmp_path / "saved" / "adapter_config.json").read_text())
    assert config["init_lora_weights"] is True
    assert sorted(config["rank_pattern"].values()) == [4, 6]
    assert adapted.active_adapters == ["default"]
    assert adapted.get_base_model()[0].r == {"default": 3}


def test_saving_leaves_training_alone(tmp_path: Path) -> None:
    inputs = torch.randn(4, 12)
    model = perceptron()
    adapted = attach_adapter(model, factors_of(model, {"0": 3}))
    twin = copy.deepcopy(adapted)
    save_adapter(adapted, tmp_path / "saved")
    train(adapted, inputs)
    train(twin, inputs)
    assert torch.equal(adapted(inputs), twin(inputs))


def test_conv1d_of_transformers(tmp_path: Path) -> None:
    pytorch_utils = pytest.importorskip("transformers.pytorch_utils")
    torch.manual_seed(0)
    model = nn.Sequential(pytorch_utils.Conv1D(9, 9))
    untouched, inputs = copy.deepcopy(model), torch.randn(4, 9)
    start = model(inputs)
    adapted = attach_adapter(model, factors_of(model, {"0": 2}))
    assert largest(adapted(inputs) - start) <= 1e-6
    train(adapted, inputs)
    save_adapter(adapted, tmp_path / "saved")
    loaded = peft.PeftModel.from_pretrained(untouched, tmp_path / "saved")
    assert largest(loaded(inputs) - adapted(inputs)) <= 1e-6


class TestRefusals:
    def test_no_layers(self) -> None:
        with pytest.raises(ArgumentError, match="at least one layer"):
            attach_adapter(perceptron(), {})

    @pytest.mark.parametrize("name", ["", "9", "1"])
    def test_names(self, name: str) -> None:
        factors = {name: PlainFactors(torch.ones(1, 12), torch.ones(10, 1))}
        with pytest.raises(ArgumentError):
            attach_adapter(perceptron(), factors)

    def test_shapes_and_values_before_anything_changes(self) -> None:
        model = perceptron()
        good = factors_of(model, {"0": 2})
        encoder = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 12))
        for name in ("0.linear1", "0.linear2", "0.self_attn.out_proj"):
            rows, columns = encoder.get_submodule(name).weight.shape
            unread = {name: PlainFactors(torch.ones(1, columns), torch.ones(rows, 1))}
            with pytest.raises(ArgumentError, match="an adapter would have no effect"):
                attach_adapter(encoder, unread)
        wrong = PlainFactors(torch.ones(1, 12), torch.ones(9, 1))
        with pytest.raises(ArgumentError, match=r"\(8, 10\) weight of '2'"):
            attach_adapter(model, good | {"2": wrong})
        wrong = PlainFactors(torch.full((1, 10), torch.nan), torch.ones(8, 1))
        with pytest.raises(ArgumentError, match="finite"):
            attach_adapter(model, good | {"2": wrong})
        assert type(model[0]) is nn.Linear

    def test_low_rank_and_tied_layers(self) -> None:
        model = perceptron()
        factors = factors_of(model, {"0": 2})
        replace_layer(model, "0", factors["0"])
        with pytest.raises(ArgumentError, match="Call merge_layer"):
            attach_adapter(model, factors)
        tied = Tied()
        with pytest.raises(ArgumentError, match=r"shares one with 'embedding\.weight'"):
            attach_adapter(tied, factors_of(tied, {"output": 2}))

    def test_saving_another_peft_model(self, tmp_path: Path) -> None:
        other = peft.get_peft_model(perceptron(), peft.LoraConfig(target_modules=["0"]))
        with pytest.raises(ArgumentError, match="Call its own save_pretrained"):
            save_adapter(other, tmp_path / "saved")

    def test_saving_over_other_files(self, tmp_path: Path) -> None:
        model = nn.Sequential(Conv1D(9, 9), nn.Linear(9, 9))
        adapted = attach_adapter(model, factors_of(model, {"1": 2}))
        (tmp_path / "data.csv").touch()
        with pytest.raises(ArgumentError, match=r"holds 'data\.csv'"):
            save_adapter(adapted, tmp_path)

    def test_without_peft(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "peft", None)
        with pytest.raises(ImportError, match=r"pip install \"fairfactor\[peft\]\""):
            attach_adapter(perceptron(), {})
