"""Pre-trained networks for images without their last layer: from images to features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import nn

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.models import transformers_images
from fairfactor.models.image_networks import (
    IMAGE_NETWORKS,
    IMAGENET,
    Normalisation,
    image_network,
)
from fairfactor.models.image_weights import load_image_network, trained_size

SIZE = 96
"""Height and width of images, where a network takes any and its weights do not tell."""


@dataclass(frozen=True, eq=False)
class ImageBackbone:
    """A frozen network in evaluation mode, of which the last linear layer is taken off.

    Attributes:
        network: From images (rows × 3 × size × size) to the inputs of that layer (rows × width).
        width: Number of features.
        architecture: JSON from which `backbone_skeleton` builds it again.
        normalisation: What it was trained to read.
        size: Height and width of the images that it is given unless others are asked for.
    """

    network: nn.Module
    width: int
    architecture: Mapping[str, Any]
    normalisation: Normalisation = IMAGENET
    size: int = SIZE


def load_backbone(name: str, weights: Path | None = None) -> ImageBackbone:
    """Load a pre-trained network.

    Args:
        name: One of `IMAGE_NETWORKS`, or a folder of transformers with a model that
            ``AutoModelForImageClassification`` loads.
        weights: Checkpoint of the named network; ``None`` for those that a package ships.

    Returns:
        The backbone.

    Raises:
        ArgumentError: If the name is neither, or weights are given beside a folder.
    """
    if name in IMAGE_NETWORKS:
        network = load_image_network(name, weights)
        size = None if weights is None else trained_size(weights)
        return _of_network(name, network, size or SIZE)
    folder = Path(name)
    if not (folder / "config.json").is_file():
        accepted = f"{', '.join(IMAGE_NETWORKS)}, or a folder of transformers with a config.json"
        raise ArgumentError("architecture", name, accepted)
    if weights is not None:
        raise ArgumentError(
            "weights", str(weights), "none, as the folder of transformers has its own"
        )
    loaded = transformers_images.load_folder(folder)
    return ImageBackbone(
        network=_frozen(loaded.network),
        width=loaded.width,
        architecture={"transformers": loaded.config},
        normalisation=loaded.normalisation,
        size=loaded.size,
    )


def backbone_skeleton(architecture: Mapping[str, Any]) -> nn.Module:
    """Build the network of a saved backbone with any weights, to load the saved ones into.

    Args:
        architecture: ``ImageBackbone.architecture``, after a way through JSON.

    Returns:
        The network.

    Raises:
        SavedModelError: If it describes no network.
    """
    name, config = architecture.get("name"), architecture.get("transformers")
    if isinstance(name, str) and name in IMAGE_NETWORKS:
        return _of_network(name, image_network(name).build(1).eval()).network
    if isinstance(config, Mapping):
        return _frozen(transformers_images.skeleton(config))
    raise SavedModelError(
        f"the saved network is {dict(architecture)!r:.80}, expected a name among "
        f"{', '.join(IMAGE_NETWORKS)}, or a configuration of transformers. Save it again."
    )


def _of_network(name: str, network: nn.Module, size: int = SIZE) -> ImageBackbone:
    """Take the head off a network; its width is known even if it has no head."""
    known = image_network(name)
    head = cast("nn.Linear", known.build(1).get_submodule(known.head))
    network.set_submodule(known.head, nn.Identity())
    return ImageBackbone(
        network=_frozen(network),
        width=head.in_features,
        architecture={"name": name},
        normalisation=known.normalisation,
        size=size,
    )


def _frozen(network: nn.Module) -> nn.Module:
    return network.eval().requires_grad_(False)
