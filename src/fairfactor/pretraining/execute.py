"""From a configuration to a folder with weights, what they are worth, and a model card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save

from fairfactor.checkpoints import Checkpoints
from fairfactor.data.images.table import IMAGE, ImageTable
from fairfactor.data.task import require_columns
from fairfactor.errors import ArgumentError, DataError
from fairfactor.files import atomic_folder, require_writable
from fairfactor.images.pixels import read_pixels
from fairfactor.models.image_weights import SIZE_KEY
from fairfactor.pretraining.assessment import accuracies, as_json
from fairfactor.pretraining.card import render_card
from fairfactor.pretraining.config import PretrainConfig
from fairfactor.pretraining.training import LabelledImages, predict_classes, train_network
from fairfactor.progress import OnCount, untold

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.json"
CARD_FILE = "README.md"
_CONTENT = (WEIGHTS_FILE, CONFIG_FILE, METRICS_FILE, CARD_FILE)
_BYTES_NEEDED = 500_000_000
_STATE_FILE = "state.safetensors"
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class Pretrained:
    """A finished pre-training on disk.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def weights(self) -> Path:
        """The weights, under torchvision's names."""
        return self.path / WEIGHTS_FILE

    @property
    def card(self) -> Path:
        """The model card."""
        return self.path / CARD_FILE

    @property
    def metrics(self) -> dict[str, Any]:
        """What the weights are worth."""
        found: dict[str, Any] = _read_json(self.path / METRICS_FILE)
        return found

    def is_of(self, config: PretrainConfig) -> bool:
        """Whether it is complete and was made with a configuration, wherever the images were."""
        complete = all((self.path / name).is_file() for name in _CONTENT)
        return complete and _read_json(self.path / CONFIG_FILE) == config.without_paths()


def pretrain(
    config: PretrainConfig,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    on_images: OnCount = untold,
    on_epoch: Callable[[], None] = lambda: None,
) -> Pretrained:
    """Train a network and write it, unless the folder holds the same training already.

    Args:
        config: What to do.
        out: The folder.
        overwrite: Whether another training there is replaced.
        resume: Whether to go on where an interrupted attempt stopped.
        on_images: Called while images are decoded, with the finished ones and all.
        on_epoch: Called after each epoch.

    Returns:
        The finished training.

    Raises:
        ArgumentError: If the folder holds something else, or there is no GPU where one is wanted.
    """
    finished = Pretrained(out)
    if finished.is_of(config):
        return finished
    if not overwrite and out.exists() and any(out.iterdir()):
        accepted = "a new or empty folder, or one with this very training; it holds something else"
        raise ArgumentError(
            "out", str(out), accepted, "Replace it with --overwrite, or choose another --out."
        )
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("device", config.device, "cpu, as PyTorch finds no GPU")
    require_writable(out, bytes_needed=_BYTES_NEEDED)
    table = config.load().without_unusable()
    table.warn()
    checkpoints = Checkpoints.of(out.resolve().parent, config.to_dict())
    with checkpoints.kept_until_done(resume=resume):
        state = checkpoints.folder / _STATE_FILE if checkpoints.folder else None
        tensors, metrics = _train(config, table, state, on_images, on_epoch)
        with atomic_folder(out, replaceable=_CONTENT) as folder:
            (folder / WEIGHTS_FILE).write_bytes(tensors)
            _write_json(folder / CONFIG_FILE, config.without_paths())
            _write_json(folder / METRICS_FILE, metrics)
            (folder / CARD_FILE).write_text(render_card(config, metrics), encoding="utf-8")
    return finished


def held_out_images(names: pd.Series, config: PretrainConfig) -> pd.Series:
    """Tell which images are kept out of the training, by their names alone.

    A name is kept out if its SHA-256, with the seed before it, is small as a fraction. So the same
    images are kept out wherever and among whichever others they are found.

    Args:
        names: Names of images.
        config: Share and seed.

    Returns:
        True or False for each.
    """

    def share(name: str) -> float:
        digest = hashlib.sha256(f"{config.seed}:{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    return names.map(lambda name: share(str(name)) < config.held_out)


def _train(
    config: PretrainConfig,
    table: ImageTable,
    state: Path | None,
    on_images: OnCount,
    on_epoch: Callable[[], None],
) -> tuple[bytes, dict[str, Any]]:
    """Decode, train and assess.

    Returns:
        The weights as a file, and what they are worth.
    """
    frame = _labelled(table.frame, config)
    classes = pd.Categorical(frame[config.target])
    codes = torch.tensor(classes.codes, dtype=torch.int64)
    pixels = read_pixels(
        table.images,
        frame[IMAGE].tolist(),
        config.size,
        centre=table.centre,
        on_images=on_images,
    )
    out = torch.tensor(held_out_images(frame[IMAGE], config).tolist())
    train = LabelledImages(pixels[~out], codes[~out])
    names = [str(name) for name in classes.categories]
    network, losses = train_network(train, len(names), config, state=state, on_epoch=on_epoch)
    targets = codes[out].numpy()
    predicted = predict_classes(network, pixels[out], config).numpy()
    columns = frame.loc[out.numpy(), [*config.groups]]
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    return save(tensors, {SIZE_KEY: str(config.size)}), {
        "images": len(frame),
        "trained_on": len(train),
        "classes": names,
        "class_counts": np.bincount(codes.numpy(), minlength=len(names)).tolist(),
        "losses": losses,
        "accuracies": as_json(accuracies(targets, predicted, columns)),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "torch": torch.__version__,
    }


def _labelled(frame: pd.DataFrame, config: PretrainConfig) -> pd.DataFrame:
    """The rows with a class.

    Returns:
        The rows, numbered from 0.

    Raises:
        DataError: If there are fewer than two classes.
    """
    require_columns(frame.columns, (config.target, *config.groups))
    labelled = frame[frame[config.target].notna()].reset_index(drop=True)
    found = labelled[config.target].nunique()
    if not 2 <= found <= _MOST_CLASSES:
        raise DataError(
            f"target {config.target!r} has {found:,} different values, expected 2 to "
            f"{_MOST_CLASSES:,} classes. Choose another --target."
        )
    return labelled


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    """Read a file of ours; nothing if it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
