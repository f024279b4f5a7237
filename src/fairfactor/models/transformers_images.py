"""Image classifiers of transformers, read from a folder; nothing in it is executed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from fairfactor.errors import FairfactorWarning, SavedModelError
from fairfactor.hugging_face.library import silent
from fairfactor.models.image_networks import IMAGENET, Channels, Normalisation

_SIZE = 224
_PREPARATION = "preprocessor_config.json"


class Features(nn.Module):
    """What a classifier of transformers gives its last linear layer.

    Args:
        model: The classifier; its last linear layer is taken off, in place.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.head = _last_linear(model)
        self.width = cast("nn.Linear", model.get_submodule(self.head)).in_features
        model.set_submodule(self.head, nn.Identity())

    def forward(self, images: Tensor) -> Tensor:
        """From images (rows × 3 × h × w) to features (rows × width)."""
        return cast("Tensor", self.model(pixel_values=images).logits)


@dataclass(frozen=True, eq=False)
class LoadedFolder:
    """What a folder of transformers holds.

    Attributes:
        network: From images to features.
        width: Number of features.
        config: Its configuration, as JSON.
        normalisation: What it was trained to read.
        size: Height and width of the images that it was trained with.
    """

    network: Features
    width: int
    config: Mapping[str, Any]
    normalisation: Normalisation
    size: int


def load_folder(folder: Path) -> LoadedFolder:
    """Load a model that ``AutoModelForImageClassification`` knows, as float32, from safetensors.

    Args:
        folder: The folder, as ``save_pretrained`` writes it.

    Returns:
        The network without its last linear layer, and how images are prepared for it.

    Raises:
        SavedModelError: If the folder cannot be loaded, lacks weights, or its model gives no
            features.
    """
    try:
        with silent() as transformers:
            model, loading = transformers.AutoModelForImageClassification.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        cause = " ".join(str(error).split())[:300]
        raise SavedModelError(
            f"{folder} is no image classifier of transformers ({cause}). Name a folder that "
            "save_pretrained wrote, with safetensors."
        ) from error
    network = Features(model.eval())
    missing = [name for name in loading["missing_keys"] if not name.startswith(network.head)]
    if missing:
        raise SavedModelError(f"{folder} has no weights {sorted(missing)[0]!r}. Save it again.")
    preparation = _read_preparation(folder)
    size = _size(model.config, preparation)
    _require_features(network, size, folder)
    return LoadedFolder(
        network, network.width, model.config.to_dict(), _normalisation(preparation), size
    )


def skeleton(config: Mapping[str, Any]) -> Features:
    """Build a network with any weights.

    Args:
        config: ``LoadedFolder.config``, after a way through JSON.

    Returns:
        The network.

    Raises:
        SavedModelError: If transformers does not know such a model.
    """
    values = {name: value for name, value in config.items() if name != "model_type"}
    try:
        with silent() as transformers:
            made = transformers.AutoConfig.for_model(config.get("model_type"), **values)
            model = transformers.AutoModelForImageClassification.from_config(
                made, trust_remote_code=False, dtype=torch.float32
            )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        cause = " ".join(str(error).split())[:300]
        raise SavedModelError(
            f"the saved configuration of transformers cannot be used ({cause}). Use the version "
            "of transformers that it was saved with."
        ) from error
    return Features(model.eval())


def _last_linear(model: nn.Module) -> str:
    """Name of the last linear layer.

    Returns:
        The name.

    Raises:
        SavedModelError: If there is none.
    """
    names: list[str] = [name for name, m in model.named_modules() if isinstance(m, nn.Linear)]
    if not names:
        raise SavedModelError(f"{type(model).__name__} has no linear layer to take off.")
    return names[-1]


def _require_features(network: Features, size: int, folder: Path) -> None:
    """Try the network on a black image.

    Raises:
        SavedModelError: If it gives no features.
    """
    try:
        with torch.no_grad():
            shape = tuple(network(torch.zeros(1, 3, size, size)).shape)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        shape, cause = (), f" ({' '.join(str(error).split())[:200]})"
    else:
        cause = ""
    if shape != (1, network.width):
        raise SavedModelError(
            f"{folder}: without its layer {network.head!r} the model gives {shape or 'nothing'}"
            f"{cause}, expected {network.width} features an image. Choose another model."
        )


def _read_preparation(folder: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / _PREPARATION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {}


def _normalisation(preparation: Mapping[str, Any]) -> Normalisation:
    mean, deviation = (_channels(preparation.get(name)) for name in ("image_mean", "image_std"))
    if mean is None or deviation is None:
        warnings.warn(
            f"the folder has no {_PREPARATION} with image_mean and image_std: images are "
            "normalised as those of ImageNet.",
            FairfactorWarning,
            stacklevel=3,
        )
        return IMAGENET
    return Normalisation(mean, deviation)


def _channels(values: object) -> Channels | None:
    """Three numbers, if it is that."""
    if not isinstance(values, list) or len(values) != 3:
        return None
    red, green, blue = values
    numbers = all(isinstance(value, int | float) for value in values)
    return (float(red), float(green), float(blue)) if numbers else None


def _size(config: Any, preparation: Mapping[str, Any]) -> int:
    """The size that the model's configuration tells, else that of the images' preparation."""
    wanted = preparation.get("size")
    found = [getattr(config, "image_size", None), wanted]
    if isinstance(wanted, Mapping):
        found += [wanted.get("height"), wanted.get("shortest_edge")]
    return next((size for size in found if type(size) is int and size > 0), _SIZE)
