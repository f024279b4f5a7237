"""The results files of the studies: small JSON, one line a row, written at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairfactor.errors import SavedModelError
from fairfactor.files import atomic_write_text
from fairfactor.studies.reported import FORMAT


def save_results(folder: Path, results: Mapping[str, Any]) -> Path:
    """Write the results of a study.

    Args:
        folder: Folder for the results of all studies.
        results: What `fairfactor.reproduction.runner.collect` returned.

    Returns:
        The file.
    """
    path = folder / f"{results['study']}.json"
    lines = (f" {json.dumps(key)}: {_value(value)}" for key, value in results.items())
    atomic_write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")
    return path


def load_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the results of all studies in a folder.

    Args:
        folder: The folder.

    Returns:
        Results by the name of the study.

    Raises:
        SavedModelError: If a file is damaged or of another version, or there is none.
    """
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SavedModelError(
                f"{path} cannot be read ({error}). Run the study again."
            ) from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise SavedModelError(f"{path} has another format. Run the study again.")
        found[path.stem] = content
    if not found:
        raise SavedModelError(f"{folder} holds no results. Run fairfactor reproduce --all first.")
    return found


def _value(value: Any) -> str:
    """One line for each entry of a list or mapping that holds others."""
    if isinstance(value, list) and value and isinstance(value[0], (dict, str)):
        entries = (f"\n  {_line(entry)}" for entry in value)
        return f"[{','.join(entries)}\n ]"
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
