"""EfficientNet-Lite0, under the parameter names of the package that ships its ImageNet weights."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel size, stride, expansion and output channels of each stage."""
_FIRST = 32
_LAST = 1280


class MobileBlock(nn.Module):
    """x + F(x), F a 1 × 1 convolution to more channels, one per channel, and a 1 × 1 back.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output; x is added where these are the same and the stride is 1.
        size: Kernel size of the convolution per channel.
        stride: Its stride.
        expansion: By what the channels are multiplied; with 1 there is no first convolution.
    """

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = expansion * inputs
        self.adds = stride == 1 and inputs == outputs
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, hidden, 1, bias=False)
            self._bn0 = _norm(hidden)
        self._depthwise_conv = nn.Conv2d(hidden, hidden, size, stride, groups=hidden, bias=False)
        self._bn1 = _norm(hidden)
        self._project_conv = nn.Conv2d(hidden, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """From (rows × inputs × h × w) to (rows × outputs × h / stride × w / stride)."""
        hidden = inputs
        if self.expands:
            hidden = functional.relu6(self._bn0(self._expand_conv(hidden)))
        hidden = functional.relu6(
            self._bn1(self._depthwise_conv(_padded(hidden, self._depthwise_conv)))
        )
        hidden = cast("Tensor", self._bn2(self._project_conv(hidden)))
        return inputs + hidden if self.adds else hidden


class EfficientNetLite0(nn.Module):
    """EfficientNet-B0 without squeeze and excitation, with ReLU up to 6 for swish.

    Tan and Le, "EfficientNet", ICML 2019, and the "lite" variants that its authors published.
    4,652,008 parameters with 1000 classes.

    Args:
        classes: Number of outputs.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, _FIRST, 3, 2, bias=False)
        self._bn0 = _norm(_FIRST)
        blocks, inputs = [], _FIRST
        for depth, size, stride, expansion, outputs in _STAGES:
            for place in range(depth):
                blocks.append(MobileBlock(inputs, outputs, size, 1 if place else stride, expansion))
                inputs = outputs
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = nn.Conv2d(inputs, _LAST, 1, bias=False)
        self._bn1 = _norm(_LAST)
        self._dropout = nn.Dropout(0.2)
        self._fc = nn.Linear(_LAST, classes)

    def forward(self, images: Tensor) -> Tensor:
        """From images (rows × 3 × h × w) to logits (rows × classes)."""
        hidden = self._conv_stem(_padded(images, self._conv_stem))
        hidden = self._blocks(functional.relu6(self._bn0(hidden)))
        hidden = functional.relu6(self._bn1(self._conv_head(hidden))).mean(dim=(2, 3))
        return cast("Tensor", self._fc(self._dropout(hidden)))


def _norm(channels: int) -> nn.BatchNorm2d:
    """With TensorFlow's usual constants, in PyTorch's sense of momentum."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _padded(images: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Put zeros around so that ⌈h / stride⌉ × ⌈w / stride⌉ positions come out, as in TensorFlow.

    Where they are odd in number, the last row and column get one more.

    Args:
        images: (rows × channels × h × w).
        convolution: What they are for; it adds no zeros itself.

    Returns:
        The images with their margins.
    """
    margins = []
    for length, size, stride in zip(
        images.shape[:1:-1], convolution.kernel_size[::-1], convolution.stride[::-1], strict=True
    ):
        missing = max((-(-length // stride) - 1) * stride + size - length, 0)
        margins += [missing // 2, missing - missing // 2]
    return functional.pad(images, margins)
