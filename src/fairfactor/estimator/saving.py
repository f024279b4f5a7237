"""A fitted estimator as a table model of the package, with what scikit-learn needs beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.mitigation import FairModel
from fairfactor.surgery import read_saved_config
from fairfactor.table_model import TableModel

_KEY = "estimator"
_FITTED = ("n_features_in_", "group_names_", "constraint_met_", "message_")


def save_parts(estimator: Any, folder: Path) -> None:
    """Write a fitted estimator.

    Args:
        estimator: A fitted `FairFactorClassifier`.
        folder: A new folder.
    """
    parameters = estimator.get_params(deep=False)
    own_backbone = parameters.pop("backbone") is not None
    if not isinstance(parameters["random_state"], int):
        parameters["random_state"] = None  # a generator has moved on; weights tell the rest
    names = getattr(estimator, "feature_names_in_", None)
    record = {
        "parameters": {name: _as_json(value) for name, value in parameters.items()},
        "own_backbone": own_backbone,
        "classes": _classes_as_json(estimator.classes_),
        "feature_names": None if names is None else names.tolist(),
        **{name: _as_json(getattr(estimator, name)) for name in _FITTED},
    }
    hidden = (0,) if own_backbone else tuple(int(width) for width in estimator.hidden)
    widths = (len(estimator.encoder_.feature_names), *hidden, len(estimator.classes_))
    TableModel(
        model=estimator.model_,
        widths=widths,
        encoder=estimator.encoder_,
        target="class",
        class_names=tuple(map(str, estimator.classes_.tolist())),
        origin={_KEY: record},
    ).save(folder)


def load_parts(estimator: Any, folder: Path, backbone: nn.Module | None) -> None:
    """Give a new estimator the parameters and fitted attributes of a saved one.

    Args:
        estimator: A new `FairFactorClassifier`, changed in place.
        folder: What `save_parts` wrote.
        backbone: The architecture that the saved estimator was given, if it was given one.

    Raises:
        SavedModelError: If the folder holds something else, or a backbone is missing or in vain.
    """
    record = read_saved_config(folder).extra.get("origin", {}).get(_KEY)
    if record is None:
        raise SavedModelError(
            f"{folder} holds no estimator. Load it with fairfactor.table_model.TableModel."
        )
    if record["own_backbone"] != (backbone is not None):
        wanted = "pass the same architecture as" if record["own_backbone"] else "leave out"
        raise SavedModelError(
            f"{folder} holds an estimator fitted {'on' if record['own_backbone'] else 'without'} "
            f"a backbone of your own: {wanted} backbone=."
        )
    table_model = TableModel.load(folder, backbone=backbone)
    assert isinstance(table_model.model, FairModel)
    parameters = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record["parameters"].items()
    }
    estimator.set_params(**parameters, backbone=backbone)
    estimator.classes_ = np.array(record["classes"]["values"], dtype=record["classes"]["dtype"])
    if record["feature_names"] is not None:
        estimator.feature_names_in_ = np.array(record["feature_names"], dtype=object)
    for name in _FITTED:
        setattr(estimator, name, record[name])
    estimator.group_names_ = tuple(estimator.group_names_)
    estimator.encoder_, estimator.model_ = table_model.encoder, table_model.model
    estimator.frontier_ = None


def _classes_as_json(classes: NDArray[Any]) -> dict[str, Any]:
    """Values and type of the classes.

    Returns:
        JSON values.

    Raises:
        ArgumentError: If they are objects of a type that JSON does not have.
    """
    values = classes.tolist()
    if not all(isinstance(value, (str, int, float)) for value in values):
        raise ArgumentError(
            "classes_", values, "texts, numbers or booleans", "Fit on a target of these."
        )
    return {"values": values, "dtype": "object" if classes.dtype == object else classes.dtype.str}


def _as_json(value: Any) -> Any:
    """Lists for what has several values, Python's numbers for NumPy's."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list, np.ndarray)):
        return [_as_json(item) for item in value]
    return value
