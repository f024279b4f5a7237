"""Features of images, of a frozen pre-trained network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

from torch import Tensor

from fairfactor.errors import ArgumentError, DataError, SavedModelError
from fairfactor.feature_extraction.extractor import FeatureExtractor
from fairfactor.features import evaluation_mode
from fairfactor.images.pixels import Images, read_pixels
from fairfactor.models.image_backbones import ImageBackbone, backbone_skeleton, load_backbone
from fairfactor.models.image_networks import Normalisation

IMAGE = "image"
"""The column that names images, unless another is told."""
SMALLEST = 32


class ImageExtractor(FeatureExtractor):
    """The inputs of a network's last linear layer, for the central square of each image.

    Args:
        backbone: The network.
        images: Where the images are; ``None`` until `images` is set.
        column: Column that names the images.
        size: Height and width to which the square is resized; the backbone's own if ``None``.
        centre: Side of the square, as a share of the shorter side of the image.

    Attributes:
        images: Where the images are. It is not saved: wherever the features of new images are
            asked for, it is set first.

    Raises:
        ArgumentError: If the size or the share cannot be used.
    """

    kind = "images"

    def __init__(
        self,
        backbone: ImageBackbone,
        images: Images | None = None,
        *,
        column: str = IMAGE,
        size: int | None = None,
        centre: float = 1.0,
    ) -> None:
        super().__init__(column, backbone.width)
        self.size = backbone.size if size is None else size
        if type(self.size) is not int or self.size < 1:
            raise ArgumentError("size", size, "a positive number of pixels")
        if not 0 < centre <= 1:
            raise ArgumentError("centre", centre, "a share above 0 and up to 1")
        self.images, self.centre = images, centre
        self.network = backbone.network
        self._architecture = backbone.architecture
        self._normalisation = backbone.normalisation

    def features(self, values: Sequence[str]) -> Tensor:
        """Features of one batch of images.

        Args:
            values: Names of the images.

        Returns:
            float32, (images × width).
        """
        device = next(self.network.parameters()).device
        with evaluation_mode(self):
            made = self.network(self._normalisation(self.pixels(values).to(device)))
        return cast("Tensor", made.float())

    def pixels(self, values: Sequence[str]) -> Tensor:
        """Decode, crop and resize images.

        Args:
            values: Names of the images.

        Returns:
            uint8, (images × 3 × size × size).
        """
        return read_pixels(self._known_images(), values, self.size, centre=self.centre)

    def fingerprints(self, values: Sequence[str]) -> list[str]:
        """SHA-256 of the file of each image, whatever its name and place.

        Args:
            values: Names of the images.

        Returns:
            A text for each.
        """
        images = self._known_images()
        return [hashlib.sha256(images.read(name)).hexdigest() for name in values]

    def description(self) -> dict[str, Any]:
        """The architecture, and how images are prepared for it.

        Returns:
            JSON values.
        """
        return {
            "architecture": dict(self._architecture),
            "width": self.width,
            "mean": list(self._normalisation.mean),
            "deviation": list(self._normalisation.deviation),
            "column": self.column,
            "size": self.size,
            "centre": self.centre,
        }

    @classmethod
    def skeleton(cls, description: Mapping[str, Any]) -> Self:
        """Build an extractor with any weights, to load the saved ones into.

        Args:
            description: What `description` gave, after a way through JSON.

        Returns:
            The extractor, without images.

        Raises:
            DataError: If it needs a package that is not installed.
            SavedModelError: If the description is damaged.
        """
        try:
            backbone = ImageBackbone(
                network=backbone_skeleton(description["architecture"]),
                width=int(description["width"]),
                architecture=description["architecture"],
                normalisation=Normalisation(
                    tuple(description["mean"]), tuple(description["deviation"])
                ),
            )
            return cls(
                backbone,
                column=str(description["column"]),
                size=description["size"],
                centre=float(description["centre"]),
            )
        except DataError:  # a package is missing
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SavedModelError(
                f"the saved description of an image extractor is damaged ({error!r:.200}). Save "
                "the model again."
            ) from error

    def _known_images(self) -> Images:
        """Where the images are.

        Returns:
            The images.

        Raises:
            ArgumentError: If nobody told where they are.
        """
        if self.images is None:
            raise ArgumentError(
                "images", None, "the place of the images", "Name their folder with --images."
            )
        return self.images


def image_extractor(
    architecture: str,
    images: Images | None = None,
    *,
    weights: str | Path | None = None,
    column: str = IMAGE,
    size: int | None = None,
    centre: float = 1.0,
) -> ImageExtractor:
    """Load a pre-trained network by its name, and make an extractor of it.

    Args:
        architecture: ``resnet18``, ``resnet34``, ``resnet50``, ``densenet121``,
            ``efficientnet-lite0``, ``mobilenet-v2``, or a folder of transformers.
        images: Where the images are.
        weights: Checkpoint under torchvision's names; ``None`` takes those of the package that
            ships some for ``efficientnet-lite0`` and ``mobilenet-v2``, see requirements/models.txt.
        column: Column that names the images.
        size: Height and width of the images; if ``None``, what the folder or the weights of
            `fairfactor pretrain` tell, else 96.
        centre: Side of the central square that is seen, as a share of the shorter side.

    Returns:
        The extractor.

    Raises:
        ArgumentError: If ``size`` is so small that nothing is left of an image inside a network.
    """
    if size is not None and size < SMALLEST:
        raise ArgumentError("size", size, f"{SMALLEST} or more pixels")
    backbone = load_backbone(architecture, None if weights is None else Path(weights))
    return ImageExtractor(backbone, images, column=column, size=size, centre=centre)
