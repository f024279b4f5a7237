from __future__ import annotations

import pytest
import torch

from fairfactor.models.efficientnet_lite import EfficientNetLite0, _padded


@pytest.mark.parametrize("length", [7, 8, 9])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_margins_are_those_of_tensorflow(length, size, stride):
    image = torch.zeros(1, 1, length, length + 1)
    convolution = torch.nn.Conv2d(1, 1, size, stride, bias=False)
    padded = _padded(image, convolution)
    for found, side in zip(padded.shape[2:], (length, length + 1), strict=True):
        outputs = -(-side // stride)
        assert (found - size) // stride + 1 == outputs
        assert found == max((outputs - 1) * stride + size, side)
    ones = _padded(image + 1, convolution)[0, 0]
    for line in (ones.amax(dim=1), ones.amax(dim=0)):
        places = line.nonzero()
        before, after = int(places.min()), len(line) - 1 - int(places.max())
        assert after - before in {0, 1}  # what is odd goes to the end


def test_it_is_the_network_of_the_package():
    package = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="pip install efficientnet-lite-pytorch==0.1.0"
    )
    theirs = package.EfficientNet.from_name("efficientnet-lite0").eval()
    ours = EfficientNetLite0(1000).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))
