"""The same factors as an adapter: the weight stays whole, and plain PEFT loads the result."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.files import atomic_folder
from fairfactor.optional import optional_module
from fairfactor.surgery.factor_pair import FactorPair, require_factors
from fairfactor.surgery.layer_shape import LayerShape, LowRankLayer, is_transposed_linear
from fairfactor.surgery.replace import find_layer, require_replaceable

if TYPE_CHECKING:
    from peft import PeftModel

_ADAPTER = "default"
_INITIAL = "_fairfactor_initial_adapter"
_READ_ONLY: dict[type[nn.Module], tuple[str, ...]] = {
    nn.TransformerEncoderLayer: ("linear1", "linear2"),  # in its fast path
    nn.MultiheadAttention: ("out_proj",),
}
_FILES = frozenset({"adapter_config.json", "adapter_model.safetensors", "README.md"})


def attach_adapter(
    model: nn.Module, factors: Mapping[str, FactorPair], *, whole: Sequence[str] = ()
) -> PeftModel:
    """Split each weight into W = (W − B A) + B A and train only B and A, as a LoRA adapter.

    The output does not change at first. Nothing is dropped, so a bias correction has no use here
    and is ignored. Save with `save_adapter`: what ``save_pretrained`` alone writes belongs to the
    reduced weights W − B A and is wrong on the original model.

    Args:
        model: The model; its named weights are reduced in place.
        factors: Factors of `weight_matrix` by layer name; down is A and up is B.
        whole: Modules that train whole and are in the saved adapter, such as a new head.

    Returns:
        The model inside PEFT, ready to train.

    Raises:
        ArgumentError: No layer is named, or a layer cannot take its factors, as those that the
            transformer layers of PyTorch itself read without calling them.
    """
    peft = _import_peft()
    if not factors:
        raise ArgumentError("factors", {}, "factors of at least one layer")
    for name, pair in factors.items():
        _require_target(model, name, pair)
    with warnings.catch_warnings():
        # PEFT has one setting for both layouts of a linear weight, and corrects it layer by layer.
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to", UserWarning)
        # It also asks transformers for a property that transformers has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        peft_model: PeftModel = peft.get_peft_model(
            model, _lora_config(peft, model, factors, whole)
        )
    with torch.no_grad():
        for name, pair in factors.items():
            layer: Any = peft_model.get_base_model().get_submodule(name)
            down, up = layer.lora_A[_ADAPTER].weight, layer.lora_B[_ADAPTER].weight
            down.copy_(pair.down.reshape(down.shape))
            up.copy_(pair.up.reshape(up.shape))
            layer.get_base_layer().weight.sub_(layer.get_delta_weight(_ADAPTER))
    initial = {
        key: value.detach().cpu().clone()
        for key, value in peft.get_peft_model_state_dict(peft_model).items()
    }
    setattr(peft_model, _INITIAL, initial)
    return peft_model


def save_adapter(peft_model: PeftModel, folder: str | Path) -> None:
    """Save a trained adapter as an ordinary LoRA of the untouched model.

    B A − B₀ A₀, with the initial factors B₀ A₀, is one LoRA of rank 2r:
    ``PeftModel.from_pretrained(original_model, folder)`` loads it, and it can be merged.

    Args:
        peft_model: What `attach_adapter` returned, trained or not; it can go on training.
        folder: A new or empty folder, or one that `save_adapter` wrote, which is replaced.

    Raises:
        ArgumentError: The model is not from `attach_adapter`.
    """
    initial = getattr(peft_model, _INITIAL, None)
    if initial is None:
        raise ArgumentError(
            "peft_model",
            type(peft_model).__name__,
            "what attach_adapter returned",
            "Call its own save_pretrained.",
        )
    with (
        atomic_folder(folder, replaceable=_FILES) as temporary,
        tempfile.TemporaryDirectory() as scratch,
    ):
        start = Path(scratch) / "fairfactor_initial"
        start.mkdir()
        save_file(initial, start / "adapter_model.safetensors")
        peft_model.save_pretrained(
            str(temporary), path_initial_model_for_weight_conversion=str(start)
        )
        _add_whole_modules(peft_model, temporary / "adapter_model.safetensors")


def _add_whole_modules(peft_model: PeftModel, file: Path) -> None:
    """Put the modules that train whole beside the factors: PEFT's conversion leaves them out."""
    state = _import_peft().get_peft_model_state_dict(peft_model)
    whole = {name: value.detach().cpu() for name, value in state.items() if "lora_" not in name}
    if whole:
        save_file(load_file(file) | whole, file, {"format": "pt"})


def _import_peft() -> Any:
    """Import PEFT, which is optional."""
    return optional_module(
        "peft", ImportError('Adapters need PEFT. Install it: pip install "fairfactor[peft]".')
    )


def _require_target(model: nn.Module, name: str, pair: FactorPair) -> None:
    """Check a layer and its factors before the model is touched.

    Raises:
        ArgumentError: The layer is low-rank already or has another shape.
    """
    layer = find_layer(model, name)
    if isinstance(layer, LowRankLayer):
        raise ArgumentError(
            "factors", name, "ordinary layers only", f"Call merge_layer(model, {name!r}) first."
        )
    shape = LayerShape.of(layer, name)
    require_replaceable(model, name, layer)
    _require_called(model, name)
    require_factors(pair)
    found = (pair.up.shape[0], pair.down.shape[1])
    if found != shape.matrix:
        raise ArgumentError("factors", found, f"factors of the {shape.matrix} weight of {name!r}")


def _require_called(model: nn.Module, name: str) -> None:
    """Refuse a layer whose weight PyTorch reads without calling it, so that PEFT cannot act.

    Raises:
        ArgumentError: The layer is one of those of `_READ_ONLY`.
    """
    parent, _, attribute = name.rpartition(".")
    owner = model.get_submodule(parent)
    for kind, attributes in _READ_ONLY.items():
        if isinstance(owner, kind) and attribute in attributes:
            raise ArgumentError(
                "factors",
                name,
                f"layers that are called; {kind.__name__} reads the weight of its {attribute!r} "
                "past the layer, so an adapter would have no effect",
                "Leave it out, or replace it with factorize_model, whose layers are read rightly.",
            )


def _lora_config(
    peft: Any, model: nn.Module, factors: Mapping[str, FactorPair], whole: Sequence[str]
) -> Any:
    """Describe one LoRA per layer, with scaling alpha / r = 1 and names matched in full."""
    ranks = {f"^{re.escape(name)}": pair.down.shape[0] for name, pair in factors.items()}
    largest = max(ranks.values())
    return peft.LoraConfig(
        r=largest,
        lora_alpha=largest,
        rank_pattern=ranks,
        alpha_pattern=dict(ranks),
        target_modules="|".join(map(re.escape, factors)),
        modules_to_save=list(whole) or None,
        fan_in_fan_out=all(is_transposed_linear(model.get_submodule(name)) for name in factors),
    )
