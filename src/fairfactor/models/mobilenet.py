"""MobileNetV2, under torchvision's parameter names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, output channels, blocks and stride of each stage: the paper's Table 2."""
_FIRST = 32
_LAST = 1280
_FLAT_NAME = re.compile(r"(features\.(\d+)\.conv)\.(\d+)\.(.*)")


class InvertedResidual(nn.Module):
    """x + F(x), F a 1 × 1 convolution to more channels, a 3 × 3 per channel, and a 1 × 1 back.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output; x is added where these are the same and the stride is 1.
        stride: Stride of the 3 × 3 convolution.
        expansion: By what the channels are multiplied; with 1 there is no first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = expansion * inputs
        self.adds = stride == 1 and inputs == outputs
        first = [] if expansion == 1 else [_convolution(inputs, hidden, 1)]
        self.conv = nn.Sequential(
            *first,
            _convolution(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """From (rows × inputs × h × w) to (rows × outputs × h / stride × w / stride)."""
        hidden = cast("Tensor", self.conv(inputs))
        return inputs + hidden if self.adds else hidden


class MobileNetV2(nn.Module):
    """Inverted residuals with linear bottlenecks, the mean over positions, one layer.

    Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2", CVPR 2018. 3,504,872 parameters with
    1000 classes.

    Args:
        classes: Number of outputs.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, _FIRST, 3, 2)]
        inputs = _FIRST
        for expansion, outputs, depth, stride in _STAGES:
            for place in range(depth):
                block = InvertedResidual(inputs, outputs, 1 if place else stride, expansion)
                layers.append(block)
                inputs = outputs
        self.features = nn.Sequential(*layers, _convolution(inputs, _LAST, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(_LAST, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, images: Tensor) -> Tensor:
        """From images (rows × 3 × h × w) to logits (rows × classes)."""
        return cast("Tensor", self.classifier(self.features(images).mean(dim=(2, 3))))


def with_present_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of checkpoints in which the layers of a block are numbered through.

    There, ``features.2.conv`` is convolution 0, norm 1, ReLU 2, convolution 3, norm 4, ReLU 5,
    convolution 6, norm 7; in torchvision each convolution with its norm and ReLU is one entry.

    Args:
        tensors: Tensors by name.

    Returns:
        The same by torchvision's names. Those that are in it already are left as they are.
    """
    numbers = [found for name in tensors if (found := _FLAT_NAME.fullmatch(name))]
    if all("." in found[4] for found in numbers if found[3] == "0"):
        return dict(tensors)

    def renamed(found: re.Match[str]) -> str:
        combined = 1 if found[2] == "1" else 2  # entries that are convolution, norm and ReLU
        entry, place = divmod(int(found[3]), 3)
        if entry >= combined:
            return f"{found[1]}.{combined + place}.{found[4]}"
        return f"{found[1]}.{entry}.{place}.{found[4]}"

    return {_FLAT_NAME.sub(renamed, name): tensor for name, tensor in tensors.items()}


def _convolution(
    inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution that keeps the image's size but for the stride, norm, and ReLU up to 6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )
