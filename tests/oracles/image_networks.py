"""What the networks for images compute, step by step from the tensors of a checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

Tensors = dict[str, Tensor]


def norm(x: Tensor, t: Tensors, name: str) -> Tensor:
    mean, var, scale, shift = (
        t[f"{name}.{part}"][:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * scale + shift


def convolve(x: Tensor, t: Tensors, name: str, stride: int = 1) -> Tensor:
    weight = t[f"{name}.weight"]
    size = weight.shape[-1]
    columns = functional.unfold(x, size, padding=size // 2, stride=stride)
    height = (x.shape[2] - 1) // stride + 1
    return (weight.flatten(1) @ columns).unflatten(2, (height, -1))


def stem(x: Tensor, t: Tensors, convolution: str, normalisation: str) -> Tensor:
    x = norm(convolve(x, t, convolution, stride=2), t, normalisation).clamp(min=0)
    windows = functional.pad(x, (1, 1, 1, 1), value=-torch.inf).unfold(2, 3, 2).unfold(3, 3, 2)
    return windows.amax(dim=(4, 5))


def resnet(x: Tensor, t: Tensors) -> Tensor:
    x = stem(x, t, "conv1", "bn1")
    for stage in range(1, 5):
        place = 0
        while f"layer{stage}.{place}.conv1.weight" in t:
            block = f"layer{stage}.{place}"
            last = 3 if f"{block}.conv3.weight" in t else 2
            halves = stage > 1 and place == 0
            hidden = x
            for number in range(1, last + 1):
                strided = halves and number == last - 1
                hidden = convolve(hidden, t, f"{block}.conv{number}", 2 if strided else 1)
                hidden = norm(hidden, t, f"{block}.bn{number}")
                hidden = hidden if number == last else hidden.clamp(min=0)
            if f"{block}.downsample.0.weight" in t:
                x = convolve(x, t, f"{block}.downsample.0", 2 if halves else 1)
                x = norm(x, t, f"{block}.downsample.1")
            x, place = (x + hidden).clamp(min=0), place + 1
    return x.mean(dim=(2, 3)) @ t["fc.weight"].T + t["fc.bias"]


def densenet(x: Tensor, t: Tensors) -> Tensor:
    x = stem(x, t, "features.conv0", "features.norm0")
    for number in range(1, 5):
        place = 1
        while f"features.denseblock{number}.denselayer{place}.conv1.weight" in t:
            layer = f"features.denseblock{number}.denselayer{place}"
            hidden = convolve(norm(x, t, f"{layer}.norm1").clamp(min=0), t, f"{layer}.conv1")
            hidden = convolve(norm(hidden, t, f"{layer}.norm2").clamp(min=0), t, f"{layer}.conv2")
            x, place = torch.cat([x, hidden], dim=1), place + 1
        transition = f"features.transition{number}"
        if f"{transition}.conv.weight" in t:
            x = convolve(norm(x, t, f"{transition}.norm").clamp(min=0), t, f"{transition}.conv")
            x = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]  # an odd last one is left out
            x = sum(x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
    x = norm(x, t, "features.norm5").clamp(min=0).mean(dim=(2, 3))
    return x @ t["classifier.weight"].T + t["classifier.bias"]
