"""Residual networks with 18, 34 and 50 layers, under torchvision's parameter names."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

_WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """ReLU(x' + F(x)), F two 3 × 3 convolutions (He et al., 2016, Figure 5 left).

    Args:
        inputs: Channels of the input.
        width: Channels of the convolutions and of the output.
        stride: Stride of the first convolution, and of the shortcut.
    """

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, inputs: Tensor) -> Tensor:
        """From (rows × inputs × h × w) to (rows × width × h / stride × w / stride)."""
        hidden = functional.relu(self.bn1(self.conv1(inputs)))
        hidden = self.bn2(self.conv2(hidden))
        return functional.relu(
            hidden + (inputs if self.downsample is None else self.downsample(inputs))
        )


class Bottleneck(nn.Module):
    """ReLU(x' + F(x)), F a 1 × 1, a 3 × 3 and a 1 × 1 convolution (He et al., Figure 5 right).

    As in torchvision the stride is that of the 3 × 3 convolution.

    Args:
        inputs: Channels of the input.
        width: Channels of the first two convolutions; the output has four times as many.
        stride: Stride of the second convolution, and of the shortcut.
    """

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, inputs: Tensor) -> Tensor:
        """From (rows × inputs × h × w) to (rows × 4 width × h / stride × w / stride)."""
        hidden = functional.relu(self.bn1(self.conv1(inputs)))
        hidden = functional.relu(self.bn2(self.conv2(hidden)))
        hidden = self.bn3(self.conv3(hidden))
        return functional.relu(
            hidden + (inputs if self.downsample is None else self.downsample(inputs))
        )


class ResNet(nn.Module):
    """A 7 × 7 convolution, four stages of residual blocks, the mean over positions, one layer.

    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, Table 1.

    Args:
        block: Kind of block.
        depths: Number of blocks in each of the four stages.
        classes: Number of outputs.
    """

    def __init__(
        self, block: type[BasicBlock | Bottleneck], depths: tuple[int, ...], classes: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, _WIDTHS[0], 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(_WIDTHS[0])
        stages, inputs = [], _WIDTHS[0]
        for stride, width, depth in zip((1, 2, 2, 2), _WIDTHS, depths, strict=True):
            blocks = []
            for place in range(depth):
                blocks.append(block(inputs, width, 1 if place else stride))
                inputs = block.expansion * width
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """From images (rows × 3 × h × w) to logits (rows × classes)."""
        hidden = functional.relu(self.bn1(self.conv1(images)))
        hidden = functional.max_pool2d(hidden, 3, 2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            hidden = stage(hidden)
        return cast("Tensor", self.fc(hidden.mean(dim=(2, 3))))


def resnet18(classes: int) -> ResNet:
    """11,689,512 parameters with 1000 classes."""
    return ResNet(BasicBlock, (2, 2, 2, 2), classes)


def resnet34(classes: int) -> ResNet:
    """21,797,672 parameters with 1000 classes."""
    return ResNet(BasicBlock, (3, 4, 6, 3), classes)


def resnet50(classes: int) -> ResNet:
    """25,557,032 parameters with 1000 classes."""
    return ResNet(Bottleneck, (3, 4, 6, 3), classes)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """A 1 × 1 convolution where the block changes the shape, else nothing."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
