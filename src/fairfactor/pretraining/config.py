"""The configuration of a pre-training."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from fairfactor.data.images.folder import load_folder
from fairfactor.data.images.releases import RELEASES
from fairfactor.data.images.table import ImageTable
from fairfactor.errors import ArgumentError
from fairfactor.finetuning import require_integer
from fairfactor.models.image_networks import IMAGE_NETWORKS
from fairfactor.settings import Settings, check_choice, option

FOLDER = "folder"
"""The name of a user's own images, as opposed to that of a release."""


@dataclass(frozen=True)
class PretrainConfig(Settings):
    """What `fairfactor pretrain` does. The same configuration gives the same weights."""

    data: str = option("utkface", f"{', '.join(RELEASES)}, or folder for images of your own.")
    root: str | None = option(None, "Folder of a release, as it is downloaded.")
    images: str | None = option(None, "Folder of your own images.")
    labels: str | None = option(None, "Table with one row for each of your own images.")
    target: str = option("age band", "Column to predict; another than that of later runs.")
    groups: tuple[str, ...] = option(
        ("gender", "race"), "Columns by which accuracy is told in the model card; never inputs."
    )
    architecture: str = option("resnet18", f"One of {', '.join(IMAGE_NETWORKS)}.")
    size: int = option(64, "Height and width of the images at the end of the training.")
    epochs: int = option(13, "Passes over the images, the first ones at half the size.")
    batch_size: int = option(64, "Images in each step.")
    learning_rate: float = option(0.05, "Largest learning rate of stochastic gradient descent.")
    held_out: float = option(0.25, "Share of the images that are kept out for the model card.")
    seed: int = option(0, "Seed of the weights, the held-out images and their order.")
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "bfloat16 takes about half the time on processors that have it."
    )
    device: str = option("cpu", "cpu, or cuda where there is a GPU.")

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ArgumentError: If a value cannot be used.
        """
        super().__post_init__()
        check_choice("data", self.data, (*RELEASES, FOLDER))
        check_choice("architecture", self.architecture, tuple(IMAGE_NETWORKS))
        check_choice("device", self.device, ("cpu", "cuda"))
        require_integer("size", self.size, 32, 1024)
        require_integer("epochs", self.epochs, 1, 10_000)
        require_integer("batch_size", self.batch_size, 2, 65_536)
        require_integer("seed", self.seed, 0)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ArgumentError("learning_rate", self.learning_rate, "a positive number")
        if not 0 < self.held_out < 1:
            raise ArgumentError("held_out", self.held_out, "a share above 0 and below 1")
        asked = ("images", "labels") if self.data == FOLDER else ("root",)
        for name in ("root", "images", "labels"):
            if (getattr(self, name) is not None) != (name in asked):
                accepted = f"{'a path' if name in asked else 'nothing'} for data={self.data!r}"
                raise ArgumentError(name, getattr(self, name), accepted)

    def load(self) -> ImageTable:
        """Read the labels; no image is decoded.

        Returns:
            The images with what is known of each.
        """
        if self.data != FOLDER:
            return RELEASES[self.data].load(Path(str(self.root)))
        return load_folder(Path(str(self.images)), Path(str(self.labels)))

    def without_paths(self) -> dict[str, object]:
        """What was done, without saying where.

        Returns:
            JSON values.
        """
        paths = {"root", "images", "labels"}
        values = self.to_dict()
        return {f.name: values[f.name] for f in fields(self) if f.name not in paths}
