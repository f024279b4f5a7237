"""Training a network for images from the start, an epoch at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from fairfactor.errors import DataError, TrainingError
from fairfactor.features import evaluation_mode
from fairfactor.files import atomic_write_bytes
from fairfactor.models.image_networks import build_image_network, image_network
from fairfactor.pretraining.config import PretrainConfig

_MOMENTUM = 0.9
_WEIGHT_DECAY = 5e-4
_SMOOTHING = 0.1
_WARM_UP = 0.25  # of all steps
_GROWTH = ((0.6, 0.5), (0.85, 0.75), (1.0, 1.0))
"""Until which share of the epochs images have which share of their size: small ones are quick."""
_SEEDS = 10_000  # as many as there can be epochs
_MARGIN = 16  # images are shifted by up to a sixteenth of their size


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with the class of each.

    Attributes:
        pixels: uint8, (rows × 3 × size × size).
        targets: int64, (rows).
    """

    pixels: Tensor
    targets: Tensor

    def __len__(self) -> int:
        """Number of images."""
        return len(self.targets)


def train_network(
    train: LabelledImages,
    classes: int,
    config: PretrainConfig,
    *,
    state: Path | None = None,
    on_epoch: Callable[[], None] = lambda: None,
) -> tuple[nn.Module, list[float]]:
    """Train from random weights; the first epochs see images of half the size, which is quick.

    Args:
        train: The images.
        classes: Number of classes.
        config: How to train.
        state: As in `fit`.
        on_epoch: As in `fit`.

    Returns:
        The network in evaluation mode, and the mean loss of each epoch.
    """
    network = build_image_network(config.architecture, classes, seed=config.seed)
    network = network.to(config.device)
    sizes = [size_of_epoch(config, epoch) for epoch in range(config.epochs)]
    return network, fit(network, train, config, sizes, state=state, on_epoch=on_epoch)


def fit(
    network: nn.Module,
    train: LabelledImages,
    config: PretrainConfig,
    sizes: Sequence[int],
    *,
    state: Path | None = None,
    on_epoch: Callable[[], None] = lambda: None,
) -> list[float]:
    """Train what is not frozen by stochastic gradient descent, Nesterov momentum, smoothed labels.

    The learning rate rises over the first quarter of the steps and then falls to 0, both linearly.
    Each image is mirrored with probability ½ and shifted by a few pixels.

    Args:
        network: The network, changed in place and left in evaluation mode. Norms whose weights are
            frozen keep their statistics.
        train: The images.
        config: How to train.
        sizes: Height and width of the images of each epoch.
        state: File in which the state after each epoch is kept, and from which an interrupted
            training goes on with the same numbers.
        on_epoch: Called after each epoch.

    Returns:
        The mean loss of each epoch.

    Raises:
        DataError: If there are fewer images than in a batch.
        TrainingError: If the loss is not finite.
    """
    if len(train) < config.batch_size:
        raise DataError(
            f"there are {len(train):,} images to train on, fewer than batch_size="
            f"{config.batch_size}. Give more images or a smaller --batch-size."
        )
    optimizer = torch.optim.SGD(
        [parameter for parameter in network.parameters() if parameter.requires_grad],
        lr=config.learning_rate,
        momentum=_MOMENTUM,
        weight_decay=_WEIGHT_DECAY,
        nesterov=True,
    )
    losses = _read_state(state, network, optimizer)
    for _ in losses:
        on_epoch()
    for epoch in range(len(losses), len(sizes)):
        with torch.random.fork_rng():  # some networks drop out units
            torch.manual_seed(config.seed * _SEEDS + epoch)
            losses.append(_train_epoch(network, optimizer, train, config, sizes, epoch))
        if not math.isfinite(losses[-1]):
            raise TrainingError(
                f"The loss of epoch {epoch + 1} is not finite with learning_rate="
                f"{config.learning_rate}. Try a smaller --learning-rate."
            )
        _write_state(state, network, optimizer, losses)
        on_epoch()
    network.eval()
    return losses


def predict_classes(network: nn.Module, pixels: Tensor, config: PretrainConfig) -> Tensor:
    """Predict the class of each image.

    Args:
        network: The network.
        pixels: uint8, (rows × 3 × size × size).
        config: How images are prepared.

    Returns:
        int64, (rows), on the CPU.
    """
    found = []
    with evaluation_mode(network):
        for part in pixels.split(256):
            found.append(network(_normalised(part, config)).argmax(dim=1).cpu())
    return torch.cat(found)


def size_of_epoch(config: PretrainConfig, epoch: int) -> int:
    """Height and width of the images of an epoch, counted from 0: a multiple of 8 or all of it."""
    share = next(size for end, size in _GROWTH if (epoch + 1) / config.epochs <= end)
    return config.size if share == 1 else max(32, round(share * config.size / 8) * 8)


def _train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: LabelledImages,
    config: PretrainConfig,
    sizes: Sequence[int],
    epoch: int,
) -> float:
    """Train on every image once, but for the last incomplete batch, and return the mean loss."""
    generator = torch.Generator().manual_seed(config.seed * _SEEDS + epoch)
    steps = len(train) // config.batch_size
    order = torch.randperm(len(train), generator=generator)
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()
    total = torch.zeros(())
    for step, rows in enumerate(order.split(config.batch_size)[:steps]):
        progress = (epoch * steps + step + 1) / (len(sizes) * steps)
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _rate(progress)
        varied = _varied(train.pixels[rows], sizes[epoch], generator)
        with torch.autocast(config.device, torch.bfloat16, enabled=config.precision == "bfloat16"):
            logits = network(_normalised(varied, config))
        targets = train.targets[rows].to(logits.device)
        loss = functional.cross_entropy(logits.float(), targets, label_smoothing=_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total = total + loss.detach().cpu()
    return float(total) / steps


def _rate(progress: float) -> float:
    """Share of the largest learning rate, from the share of the steps that are done."""
    return min(progress / _WARM_UP, (1 - progress) / (1 - _WARM_UP))


def _varied(pixels: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Resize, mirror and shift images; floating point, 0 to 255."""
    images = pixels.float()
    if size != images.shape[2]:
        images = functional.interpolate(
            images, (size, size), mode="bilinear", antialias=True, align_corners=False
        )
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images[mirrored] = images[mirrored].flip(3)
    margin = size // _MARGIN
    left, top = torch.randint(0, 2 * margin + 1, (2,), generator=generator).tolist()
    padded = functional.pad(images, (margin,) * 4, mode="reflect")
    return padded[:, :, top : top + size, left : left + size]


def _normalised(pixels: Tensor, config: PretrainConfig) -> Tensor:
    """What the network reads, on its device."""
    return image_network(config.architecture).normalisation(pixels.to(config.device))


def _write_state(
    path: Path | None,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    losses: list[float],
) -> None:
    """Keep all that the next epoch needs, in one file that is whole or not there."""
    if path is None:
        return
    tensors = {f"model.{name}": value for name, value in network.state_dict().items()}
    for place, parameter in enumerate(optimizer.param_groups[0]["params"]):
        tensors[f"momentum.{place}"] = optimizer.state[parameter]["momentum_buffer"]
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    atomic_write_bytes(path, save(plain, {"losses": json.dumps(losses)}))


def _read_state(
    path: Path | None, network: nn.Module, optimizer: torch.optim.Optimizer
) -> list[float]:
    """Take up what an interrupted training has kept; the losses of its epochs."""
    if path is None or not path.exists():
        return []
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            losses = [float(loss) for loss in json.loads(file.metadata()["losses"])]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return []  # a damaged file: from the start
    network.load_state_dict(
        {
            name.removeprefix("model."): value
            for name, value in tensors.items()
            if name.startswith("model.")
        }
    )
    for place, parameter in enumerate(optimizer.param_groups[0]["params"]):
        kept = tensors[f"momentum.{place}"].to(parameter.device)
        buffer = torch.empty_like(parameter).copy_(kept)
        optimizer.state[parameter]["momentum_buffer"] = buffer
    return losses
