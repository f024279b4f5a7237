"""Cells: one study, one configuration, one seed; each result in a file of its own."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairfactor.files import atomic_write_text
from fairfactor.studies.reported import json_safe

Configuration = Mapping[str, Any]
"""What distinguishes the cells of a study, as JSON values: texts, numbers, lists, ``None``."""
Result = dict[str, Any]
"""What a cell found, as JSON values; ``metrics`` holds the numbers that tables show."""


@dataclass(frozen=True)
class CellStore:
    """A folder with one JSON file for each finished cell.

    Attributes:
        folder: Where.
        study: Name of the study, a folder within it.
        version: Version of the code, as `code_version` gives it. Cells of another are not found.
    """

    folder: Path
    study: str
    version: str

    def path(self, configuration: Configuration, seed: int) -> Path:
        """Where a cell's file is.

        Args:
            configuration: Its configuration.
            seed: Its seed.

        Returns:
            The file, which need not exist. Its name is a digest of all that the numbers depend on.
        """
        content = {"configuration": configuration, "seed": seed, "version": self.version}
        text = json.dumps(content, sort_keys=True, allow_nan=False)
        return self.folder / self.study / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"

    def load(self, configuration: Configuration, seed: int) -> Result | None:
        """Read a cell.

        Args:
            configuration: Its configuration.
            seed: Its seed.

        Returns:
            Its result; ``None`` if it has not been run, or its file is damaged.
        """
        try:
            content = json.loads(self.path(configuration, seed).read_text(encoding="utf-8"))
            result: Result = content["result"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return result

    def save(self, configuration: Configuration, seed: int, result: Result) -> None:
        """Write a cell at once, so that it is there whole or not at all.

        Args:
            configuration: Its configuration.
            seed: Its seed.
            result: What it found.
        """
        content = {"configuration": configuration, "seed": seed, "result": json_safe(result)}
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        atomic_write_text(self.path(configuration, seed), text + "\n")


@dataclass(frozen=True, eq=False)
class Cells:
    """The finished cells of a study.

    Attributes:
        seeds: The seeds.
        results: For each configuration, in the order in which the study names them, one result a
            seed.
    """

    seeds: tuple[int, ...]
    results: tuple[tuple[Configuration, tuple[Result, ...]], ...]

    def where(self, **wanted: Any) -> Iterator[tuple[Configuration, tuple[Result, ...]]]:
        """The cells whose configurations have some values.

        Args:
            **wanted: Values by key.

        Yields:
            Configurations with their results.
        """
        for configuration, results in self.results:
            if all(configuration.get(key) == value for key, value in wanted.items()):
                yield configuration, results

    def one(self, **wanted: Any) -> tuple[Result, ...]:
        """The results of the only configuration that has some values.

        Args:
            **wanted: Values by key.

        Returns:
            One result a seed.

        Raises:
            LookupError: If there is none, or more than one.
        """
        found = [results for _, results in self.where(**wanted)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} configurations with {wanted}")
        return found[0]

    def values(self, metric: str, **wanted: Any) -> list[float]:
        """One metric of the only configuration that has some values.

        Args:
            metric: A key of the cells' ``metrics``.
            **wanted: Values by key.

        Returns:
            One value a seed; NaN where undefined.
        """
        return metric_values(self.one(**wanted), metric)


def metric_values(results: Sequence[Result], metric: str) -> list[float]:
    """One metric of some results.

    Args:
        results: One result a seed.
        metric: A key of their ``metrics``.

    Returns:
        One value a seed; NaN where undefined.
    """
    numbers = (result["metrics"][metric] for result in results)
    return [math.nan if number is None else float(number) for number in numbers]
