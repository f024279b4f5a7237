"""The releases of images that are known by name, each with the paper's label and group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fairfactor.data.images import celeba, fairface, lfw, utkface
from fairfactor.data.images.table import ImageTable


@dataclass(frozen=True)
class Release:
    """A release of images.

    Attributes:
        load: From the folder of the release to its table.
        target: The label, unless another is asked for.
        sensitive: The sensitive features, unless others are asked for.
        description: Name, description, licence and citation.
    """

    load: Callable[[Path], ImageTable]
    target: str
    sensitive: tuple[str, ...]
    description: Mapping[str, str]


RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        "celeba": Release(celeba.load_celeba, "Wavy_Hair", ("Male",), celeba.DESCRIPTION),
        "lfwa": Release(lfw.load_lfw, "Male", ("Heavy_Makeup",), lfw.DESCRIPTION),
        "utkface": Release(utkface.load_utkface, "gender", ("race",), utkface.DESCRIPTION),
        "fairface": Release(fairface.load_fairface, "gender", ("race",), fairface.DESCRIPTION),
    }
)
"""Every release by its name. CelebA and LFW+a have the paper's label and group."""
