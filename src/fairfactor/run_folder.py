"""The folder that a run writes: its configuration, results, report and model, or nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.files import atomic_folder, atomic_write_text, require_writable
from fairfactor.report import render_card, render_report
from fairfactor.report.runs.page import render_runs
from fairfactor.report.runs.read import RunSource
from fairfactor.studies.reported import FORMAT
from fairfactor.table_model import TableModel

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
MODEL_FOLDER = "model"
CARD_FILE = "README.md"
BACKBONE_FOLDER = "backbone"
ADAPTER_FOLDER = "adapter"
MANIFEST_FILE = "manifest.json"
BYTES_NEEDED = 10_000_000
"""Room that a run asks for before it starts; a run of the default writes less than 1 MB."""
_CONTENT = (
    CONFIG_FILE,
    METRICS_FILE,
    REPORT_FILE,
    MODEL_FOLDER,
    BACKBONE_FOLDER,
    ADAPTER_FOLDER,
    MANIFEST_FILE,
)
_MODEL_CONFIGS = (f"{MODEL_FOLDER}/config.json", f"{BACKBONE_FOLDER}/config.json")
_CHECKED = (CONFIG_FILE, METRICS_FILE)


@dataclass(frozen=True)
class RunFolder:
    """A finished run on disk, whose files are those that the run wrote.

    ``manifest.json`` holds the SHA-256 of the configuration, the results and the model's own
    configuration (which holds that of its tensors). `open` compares them, so that a number changed
    by hand is found. This protects against damage and mistakes, not against forgery.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def write(
        cls,
        path: Path,
        config: Mapping[str, Any],
        metrics: Mapping[str, Any],
        model: TableModel | None,
        *,
        backbone: TableModel | None = None,
        overwrite: bool = False,
    ) -> RunFolder:
        """Write everything, or leave nothing behind.

        Args:
            path: A new or empty folder, or with ``overwrite`` an older run.
            config: The configuration as JSON values.
            metrics: The results as JSON values.
            model: The model to keep; ``None`` for a comparison that keeps none.
            backbone: The network before mitigation, from which another run can start.
            overwrite: Whether an older run is replaced.

        Returns:
            The folder.
        """
        with atomic_folder(path, replaceable=_CONTENT if overwrite else ()) as temporary:
            _write_json(temporary / CONFIG_FILE, config)
            _write_json(temporary / METRICS_FILE, metrics)
            (temporary / REPORT_FILE).write_text(render_report(metrics, config), encoding="utf-8")
            if model is not None:
                model.save(temporary / MODEL_FOLDER)
                if model.extractor is not None:
                    model.extractor.save_apart(temporary)
                card = temporary / MODEL_FOLDER / CARD_FILE
                card.write_text(render_card(metrics, config), encoding="utf-8")
            if backbone is not None:
                backbone.save(temporary / BACKBONE_FOLDER)
            configs = [name for name in _MODEL_CONFIGS if (temporary / name).exists()]
            checked = (*_CHECKED, *configs)
            _write_json(temporary / MANIFEST_FILE, _digests(temporary, checked))
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a run and check that its files are as they were written.

        Args:
            path: A folder that `write` made.

        Returns:
            The folder.

        Raises:
            SavedModelError: If a file is missing, unreadable or was changed.
        """
        recorded = _read_json(path / MANIFEST_FILE)
        checked = {*_CHECKED, *(set(_MODEL_CONFIGS) & recorded.keys())}
        for name, digest in _digests(path, sorted(checked)).items():
            if recorded.get(name) != digest:
                raise SavedModelError(
                    f"{path / name} was changed after the run: its SHA-256 is not the one in "
                    f"{MANIFEST_FILE}. Restore it, or repeat the run with fairfactor run."
                )
        return cls(path)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration."""
        return _read_json(self.path / CONFIG_FILE)

    @property
    def metrics(self) -> dict[str, Any]:
        """The results.

        Raises:
            SavedModelError: If they are in the format of another version.
        """
        metrics = _read_json(self.path / METRICS_FILE)
        if metrics.get("format") != FORMAT:
            raise SavedModelError(
                f"{self.path / METRICS_FILE} has format {metrics.get('format')!r:.60}, and this "
                f"version reads {FORMAT}. Repeat the run, or use the fairfactor that wrote it "
                f"({metrics.get('fairfactor_version')!r:.60})."
            )
        return metrics

    @property
    def report(self) -> Path:
        """The page to open in a browser."""
        return self.path / REPORT_FILE

    @property
    def card(self) -> Path:
        """The model card, beside the model so that the Hub shows it."""
        return self.path / MODEL_FOLDER / CARD_FILE

    def load_model(self, factory: str | None = None) -> TableModel:
        """Load the model.

        Args:
            factory: As in `TableModel.load`.

        Returns:
            The model with its encoder.

        Raises:
            SavedModelError: If the run keeps none.
        """
        if not (self.path / MODEL_FOLDER).exists():
            raise SavedModelError(
                f"{self.path} keeps no model, as a comparison with peers does not. Name a folder "
                "that fairfactor run or fairfactor tune wrote."
            )
        return TableModel.load(self.path / MODEL_FOLDER, factory)

    def load_backbone(self) -> TableModel:
        """Load the network before mitigation, or the model of a run that mitigates nothing.

        Returns:
            The network with its encoder.
        """
        if (self.path / BACKBONE_FOLDER).exists():
            return TableModel.load(self.path / BACKBONE_FOLDER)
        return self.load_model()

    def render(self, out: Path | None = None) -> Path:
        """Write the report again from the results, with the report page of this version.

        Args:
            out: The file; `report` if unset.

        Returns:
            The page.
        """
        page = out or self.report
        atomic_write_text(page, render_report(self.metrics, self.config))
        return page

    def write_card(self, out: Path | None = None, *, overwrite: bool = False) -> Path:
        """Write the model card again, without losing what people wrote into it.

        Args:
            out: The file; `card` if unset.
            overwrite: Whether a file with another content is replaced.

        Returns:
            The file.

        Raises:
            ArgumentError: If there is a file with another content.
        """
        path = out or self.card
        text = render_card(self.metrics, self.config)
        written = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else text
        if written != text and not overwrite:
            raise ArgumentError(
                "out",
                str(path),
                "a new file, or a card as it was written",
                "This one was edited, or is of another version: replace it with --overwrite, or "
                "choose another --out.",
            )
        atomic_write_text(path, text)
        return path


def render_side_by_side(paths: Sequence[Path], out: Path | None) -> Path:
    """Write one page about the models that several runs keep.

    Args:
        paths: Folders that `RunFolder.write` made.
        out: The page.

    Returns:
        The page.

    Raises:
        ArgumentError: If no page is named, or the runs cannot be compared.
    """
    if out is None:
        raise ArgumentError("out", None, "a file for the page about several runs", "Set --out.")
    folders = [RunFolder.open(path) for path in paths]
    names = _short_names([run.path.resolve() for run in folders])
    sources = [
        RunSource(name, run.metrics, run.config) for name, run in zip(names, folders, strict=True)
    ]
    atomic_write_text(out, render_runs(sources))
    return out


def require_free(path: Path, *, overwrite: bool) -> None:
    """Check, before long work starts, that a run may be written to a folder.

    Args:
        path: The folder.
        overwrite: Whether an older run may be replaced.

    Raises:
        ArgumentError: If it holds an older run that may not be replaced, or anything else.
    """
    require_writable(path, BYTES_NEEDED)
    names = {entry.name for entry in path.iterdir()} if path.exists() else set()
    foreign = names if MANIFEST_FILE not in names else names - set(_CONTENT)
    if foreign:
        raise ArgumentError(
            "out",
            str(path),
            f"a new or empty folder, or an older run; this one holds {min(foreign)!r}",
            "Choose another --out.",
        )
    if names and not overwrite:
        raise ArgumentError(
            "out",
            str(path),
            "a folder without an older run",
            "Replace it with --overwrite, or choose another --out.",
        )


def next_free(parent: Path, stem: str) -> Path:
    """Name a folder that does not exist yet: stem-001, then stem-002, and so on.

    Args:
        parent: Folder to look in.
        stem: Start of the name.

    Returns:
        The first free path.
    """
    number = 1
    while (path := parent / f"{stem}-{number:03d}").exists():
        number += 1
    return path


def _short_names(paths: Sequence[Path]) -> list[str]:
    """Paths without the folders that they all lie in."""
    parents = {path.parent for path in paths}
    shared = os.path.commonpath([str(parent) for parent in parents])
    return [str(path.relative_to(shared)) for path in paths]


def _digests(path: Path, names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of some files.

    Returns:
        By the name of the file within the folder.

    Raises:
        SavedModelError: If one cannot be read.
    """
    try:
        return {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in names}
    except OSError as error:
        raise SavedModelError(
            f"{error.filename} cannot be read ({error.strerror}). Name a folder that fairfactor "
            "run wrote."
        ) from error


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Returns:
        The object.

    Raises:
        SavedModelError: If the file is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SavedModelError(
            f"{path} cannot be read ({error.strerror}). Name a folder that fairfactor run wrote."
        ) from error
    except (ValueError, RecursionError) as error:
        raise SavedModelError(
            f"{path} is not JSON ({error}). Restore it or repeat the run."
        ) from error
    if not isinstance(content, dict):
        raise SavedModelError(f"{path} holds no JSON object. Restore it or repeat the run.")
    return content
