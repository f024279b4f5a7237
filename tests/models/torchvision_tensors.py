"""Name and shape of every tensor in torchvision's checkpoints, written down from their layout.

Nothing here looks at our networks. torchvision 0.13 and later save ``num_batches_tracked`` too.
"""

from __future__ import annotations

Shapes = dict[str, tuple[int, ...]]

STAGES = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
}


def norm(name: str, channels: int) -> Shapes:
    entries = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{entry}": (channels,) for entry in entries} | {
        f"{name}.num_batches_tracked": ()
    }


def resnet(name: str) -> Shapes:
    kind, depths = STAGES[name]
    shapes: Shapes = {"conv1.weight": (64, 3, 7, 7), **norm("bn1", 64)}
    before = 64
    for stage, (width, depth) in enumerate(zip((64, 128, 256, 512), depths, strict=True), 1):
        after = width if kind == "basic" else 4 * width
        for place in range(depth):
            block = f"layer{stage}.{place}"
            if kind == "basic":
                convolutions = [(width, before, 3), (width, width, 3)]
            else:
                convolutions = [(width, before, 1), (width, width, 3), (after, width, 1)]
            for number, (outputs, inputs, size) in enumerate(convolutions, 1):
                shapes[f"{block}.conv{number}.weight"] = (outputs, inputs, size, size)
                shapes |= norm(f"{block}.bn{number}", outputs)
            if place == 0 and (stage > 1 or kind == "bottleneck"):
                shapes[f"{block}.downsample.0.weight"] = (after, before, 1, 1)
                shapes |= norm(f"{block}.downsample.1", after)
            before = after
    return shapes | {"fc.weight": (1000, before), "fc.bias": (1000,)}


def densenet121() -> Shapes:
    shapes: Shapes = {"features.conv0.weight": (64, 3, 7, 7), **norm("features.norm0", 64)}
    channels = 64
    for number, depth in ((1, 6), (2, 12), (3, 24), (4, 16)):
        for place in range(1, depth + 1):
            layer = f"features.denseblock{number}.denselayer{place}"
            shapes |= norm(f"{layer}.norm1", channels)
            shapes[f"{layer}.conv1.weight"] = (128, channels, 1, 1)
            shapes |= norm(f"{layer}.norm2", 128)
            shapes[f"{layer}.conv2.weight"] = (32, 128, 3, 3)
            channels += 32
        if number < 4:
            shapes |= norm(f"features.transition{number}.norm", channels)
            channels //= 2
            shapes[f"features.transition{number}.conv.weight"] = (channels, 2 * channels, 1, 1)
    shapes |= norm("features.norm5", 1024)
    return shapes | {"classifier.weight": (1000, 1024), "classifier.bias": (1000,)}


def mobilenet_v2() -> Shapes:
    shapes: Shapes = {"features.0.0.weight": (32, 3, 3, 3), **norm("features.0.1", 32)}
    outputs = [16] + 2 * [24] + 3 * [32] + 4 * [64] + 3 * [96] + 3 * [160] + [320]
    before = 32
    for number, after in enumerate(outputs, 1):
        block, wide = f"features.{number}.conv", before * (6 if number > 1 else 1)
        place = 0
        if number > 1:
            shapes[f"{block}.0.0.weight"] = (wide, before, 1, 1)
            shapes |= norm(f"{block}.0.1", wide)
            place = 1
        shapes[f"{block}.{place}.0.weight"] = (wide, 1, 3, 3)
        shapes |= norm(f"{block}.{place}.1", wide)
        shapes[f"{block}.{place + 1}.weight"] = (after, wide, 1, 1)
        shapes |= norm(f"{block}.{place + 2}", after)
        before = after
    shapes |= {"features.18.0.weight": (1280, 320, 1, 1), **norm("features.18.1", 1280)}
    return shapes | {"classifier.1.weight": (1000, 1280), "classifier.1.bias": (1000,)}


def torchvision_shapes(name: str) -> Shapes:
    """Of a network with 1000 classes."""
    if name == "densenet121":
        return densenet121()
    return mobilenet_v2() if name == "mobilenet-v2" else resnet(name)
