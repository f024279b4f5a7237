"""An architecture as JSON, and the network made from it again without its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from fairfactor.errors import SavedModelError
from fairfactor.hugging_face.library import silent

_KINDS = {"encoder": "AutoModel", "classifier": "AutoModelForSequenceClassification"}
_NOT_KEPT = ("_name_or_path", "auto_map", "dtype", "torch_dtype", "transformers_version")
"""Where it was on somebody's machine, code, and what loading decides."""


def architecture_json(model: nn.Module) -> dict[str, Any]:
    """Describe a network of transformers.

    Args:
        model: The network, before or after surgery.

    Returns:
        JSON values for `build_model`.
    """
    config: Any = model.config
    values = json.loads(config.to_json_string(use_diff=True))
    kind = "classifier" if type(model).__name__.endswith("ForSequenceClassification") else "encoder"
    return {
        "kind": kind,
        "model_type": config.model_type,
        "config": {name: value for name, value in values.items() if name not in _NOT_KEPT},
    }


def build_model(architecture: Mapping[str, Any]) -> nn.Module:
    """Make the network again, with weights still to be loaded.

    Args:
        architecture: What `architecture_json` returned. It never names code to run: the classes are
            those of the installed transformers.

    Returns:
        The network, in evaluation mode.

    Raises:
        SavedModelError: If transformers has no such architecture.
    """
    with silent() as transformers:
        try:
            values = {k: v for k, v in architecture["config"].items() if k not in _NOT_KEPT}
            values.pop("model_type", None)
            config = transformers.AutoConfig.for_model(architecture["model_type"], **values)
            kind = getattr(transformers, _KINDS[architecture["kind"]])
            model = kind.from_config(config, trust_remote_code=False)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            cause = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise SavedModelError(
                f"the saved text model cannot be made with transformers "
                f"{transformers.__version__} ({cause}). Use the version that saved it."
            ) from error
    return cast("nn.Module", model.eval())
