"""The densely connected network with 121 layers, under torchvision's parameter names."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

_DEPTHS = (6, 12, 24, 16)
_GROWTH = 32
_BOTTLENECK = 4 * _GROWTH
_FIRST = 64
_OLD_NAME = re.compile(r"(.*\.denselayer\d+\.(?:norm|conv))\.([12]\..*)")


class DenseLayer(nn.Module):
    """x and F(x) side by side, F a 1 × 1 and a 3 × 3 convolution after norm and ReLU each.

    Args:
        inputs: Channels of the input; the output has 32 more.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, _BOTTLENECK, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(_BOTTLENECK)
        self.conv2 = nn.Conv2d(_BOTTLENECK, _GROWTH, 3, padding=1, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """From (rows × inputs × h × w) to (rows × inputs + 32 × h × w)."""
        hidden = self.conv1(functional.relu(self.norm1(inputs)))
        hidden = self.conv2(functional.relu(self.norm2(hidden)))
        return torch.cat([inputs, hidden], dim=1)


class DenseNet121(nn.Module):
    """Four dense blocks with growth 32, transitions between them, the mean over positions, a layer.

    Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", CVPR
    2017, Table 1. 7,978,856 parameters with 1000 classes.

    Args:
        classes: Number of outputs.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, _FIRST, 7, 2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(_FIRST),
            relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, 2, padding=1),
        )
        channels = _FIRST
        for number, depth in enumerate(_DEPTHS, 1):
            if number > 1:
                layers[f"transition{number - 1}"] = _transition(channels)
                channels //= 2
            layers[f"denseblock{number}"] = nn.Sequential(
                OrderedDict(
                    (f"denselayer{place + 1}", DenseLayer(channels + place * _GROWTH))
                    for place in range(depth)
                )
            )
            channels += depth * _GROWTH
        layers["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(layers)
        self.classifier = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        """From images (rows × 3 × h × w) to logits (rows × classes)."""
        hidden = functional.relu(self.features(images)).mean(dim=(2, 3))
        return cast("Tensor", self.classifier(hidden))


def with_present_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of old checkpoints, in which norms and convolutions are numbered inside.

    Args:
        tensors: Tensors by name, such as ``features.denseblock1.denselayer1.norm.1.weight``.

    Returns:
        The same by their present names, here ``….denselayer1.norm1.weight``.
    """
    return {_OLD_NAME.sub(r"\1\2", name): tensor for name, tensor in tensors.items()}


def _transition(channels: int) -> nn.Sequential:
    """Norm, ReLU, a 1 × 1 convolution to half of the channels, the mean of 2 × 2 positions."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool2d(2, 2),
        )
    )
