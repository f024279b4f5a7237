"""The library transformers, which is optional, and what it says while it works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairfactor.errors import ArgumentError, FairfactorError
from fairfactor.optional import optional_module


def import_transformers() -> Any:
    """Import transformers; a ``FairfactorError`` says how to install it.

    Returns:
        The package.
    """
    return optional_module(
        "transformers",
        FairfactorError(
            "Models of Hugging Face need transformers. Install it: pip install 'fairfactor[text]'."
        ),
    )


@contextmanager
def silent() -> Iterator[Any]:
    """Keep transformers from printing reports and progress bars about what is expected here.

    Yields:
        The package.
    """
    transformers = import_transformers()
    logging = transformers.utils.logging
    verbosity, shows_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield transformers
    finally:
        logging.set_verbosity(verbosity)
        if shows_bars:
            logging.enable_progress_bar()


def read_model_config(folder: Path) -> dict[str, Any]:
    """Read the ``config.json`` of a folder and check that it is one of transformers.

    Nothing in the folder is ever executed: it may not bring code of its own, and its weights must
    be safetensors.

    Args:
        folder: What ``save_pretrained`` wrote.

    Returns:
        The configuration.

    Raises:
        ArgumentError: If it is no such folder.
    """
    accepted = "a folder with config.json and model.safetensors of transformers"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "Write one with model.save_pretrained and tokenizer.save_pretrained."
        raise ArgumentError("model", str(folder), f"{accepted} ({error})", remedy) from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ArgumentError("model", str(folder), f"{accepted}; its config has no model_type")
    if config.get("auto_map"):
        remedy = "Use a model whose architecture is part of transformers."
        raise ArgumentError(
            "model", str(folder), f"{accepted}; this one brings code of its own", remedy
        )
    if not any(folder.glob("model*.safetensors")):
        remedy = "Save it again with model.save_pretrained, which writes safetensors."
        raise ArgumentError("model", str(folder), f"{accepted}; it has no safetensors", remedy)
    return config
