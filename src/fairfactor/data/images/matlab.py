"""Numbers and texts of MATLAB files, those of version 7.3 (HDF5) included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fairfactor.errors import DataError
from fairfactor.optional import optional_module


@dataclass(frozen=True, eq=False)
class MatlabFile:
    """An open file.

    Attributes:
        path: Where it is.
        variables: Its variables by name.
        hdf5: Whether they are those of HDF5, which have their axes the other way round.
    """

    path: Path
    variables: Any
    hdf5: bool

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open a file.

        Args:
            path: Where it is.

        Yields:
            The file.

        Raises:
            DataError: If it is no MATLAB file, or of version 7.3 and h5py is not installed.
        """
        from scipy.io import loadmat

        try:
            variables = loadmat(path)
        except NotImplementedError:  # what SciPy says of version 7.3
            variables = None
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is no MATLAB file ({error}). Get the file again.") from error
        if variables is not None:
            yield cls(path, variables, hdf5=False)
            return
        h5py = optional_module(
            "h5py",
            DataError(
                f"{path} is a MATLAB file of version 7.3, which is read with h5py: run pip install "
                "'fairfactor[images]'."
            ),
        )
        with h5py.File(path, "r") as file:
            yield cls(path, file, hdf5=True)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A matrix.

        Args:
            name: Name of the variable.

        Returns:
            Shape as MATLAB has it.
        """
        values = np.asarray(self._variable(name), dtype=np.float64)
        return values.T if self.hdf5 else values

    def texts(self, name: str) -> list[str]:
        """A cell array of texts.

        Args:
            name: Name of the variable.

        Returns:
            The texts, in order.
        """
        cells = np.asarray(self._variable(name)).ravel()
        if not self.hdf5:
            return [str(np.asarray(cell).ravel()[0]) for cell in cells]
        return ["".join(map(chr, np.asarray(self.variables[cell]).ravel())) for cell in cells]

    def _variable(self, name: str) -> Any:
        if name not in self.variables:
            raise DataError(f"{self.path} has no variable {name!r}. Get the file again.")
        return self.variables[name]
