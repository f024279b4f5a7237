"""Box 4: replace layers by low-rank factors; undo, merge, lock, save and load."""

from __future__ import annotations

from fairfactor.surgery.adapter import attach_adapter, save_adapter
from fairfactor.surgery.layer_shape import LowRankLayer, weight_matrix
from fairfactor.surgery.lowrank import LowRankLinear
from fairfactor.surgery.lowrank_conv import LowRankConv2d
from fairfactor.surgery.persistence import load_model, read_saved_config, save_model
from fairfactor.surgery.replace import merge_layer, replace_layer, restore_layer
from fairfactor.surgery.report import ReplacementReport
from fairfactor.surgery.saved_config import SavedConfig
from fairfactor.surgery.trainable import ParameterCount, count_parameters, freeze_except, lock

__all__ = [
    "LowRankConv2d",
    "LowRankLayer",
    "LowRankLinear",
    "ParameterCount",
    "ReplacementReport",
    "SavedConfig",
    "attach_adapter",
    "count_parameters",
    "freeze_except",
    "load_model",
    "lock",
    "merge_layer",
    "read_saved_config",
    "replace_layer",
    "restore_layer",
    "save_adapter",
    "save_model",
    "weight_matrix",
]
