"""Networks from a folder on this machine, with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import nn

from fairfactor.errors import ArgumentError
from fairfactor.hugging_face.library import read_model_config, silent


def load_encoder(folder: Path) -> nn.Module:
    """Load the network without any head, in float32 and evaluation mode.

    Args:
        folder: What ``save_pretrained`` of an encoder, a decoder or a classifier wrote.

    Returns:
        From token ids to hidden states.
    """
    return _load("AutoModel", folder)


def has_head(folder: Path, class_names: Sequence[str]) -> bool:
    """Tell whether a folder has a head for some classes, trained already.

    Args:
        folder: What ``save_pretrained`` wrote.
        class_names: The classes.

    Returns:
        True for a classifier of as many classes.

    Raises:
        ArgumentError: If it is one of these very classes in another order.
    """
    config = read_model_config(folder)
    names = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    own = tuple(str(names[code]) for code in sorted(names, key=int))
    if sorted(own) == sorted(class_names) and own != tuple(class_names):
        raise ArgumentError("class_names", class_names, f"the order of the folder, {own}")
    kinds = config.get("architectures") or [""]
    return str(kinds[0]).endswith("ForSequenceClassification") and len(own) == len(class_names)


def load_classifier(folder: Path, class_names: Sequence[str], *, seed: int = 0) -> nn.Module:
    """Load a network as a classifier of texts, in float32 and evaluation mode.

    A head that the folder does not have, or has for other classes, is drawn anew.

    Args:
        folder: What ``save_pretrained`` of an encoder, a decoder or a classifier wrote.
        class_names: The classes.
        seed: Seed of a new head; the global generator is left as it was.

    Returns:
        From token ids to logits.
    """
    names = {str(code): name for code, name in enumerate(class_names)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _load(
            "AutoModelForSequenceClassification",
            folder,
            num_labels=len(names),
            id2label=names,
            label2id={name: int(code) for code, name in names.items()},
            problem_type="single_label_classification",
            ignore_mismatched_sizes=True,
        )
    config: Any = model.config
    if config.pad_token_id is None:  # a decoder, which classifies at the last token before padding
        eos = config.eos_token_id
        config.pad_token_id = eos[0] if isinstance(eos, list) else eos
    return model


def _load(kind: str, folder: Path, **options: Any) -> nn.Module:
    """Load with an automatic class.

    Returns:
        The network.

    Raises:
        ArgumentError: If transformers cannot load it.
    """
    read_model_config(folder)
    with silent() as transformers:
        try:
            model = getattr(transformers, kind).from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                **options,
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            cause = " ".join(str(error).split())[:200]
            raise ArgumentError(
                "model", str(folder), f"a folder that transformers reads ({cause})"
            ) from error
    return cast("nn.Module", model.eval())
