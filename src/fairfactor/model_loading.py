"""Models by the names that users give them: to predict with, and to start from."""

from __future__ import annotations

from pathlib import Path

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.mitigation import FairModel
from fairfactor.run_folder import MANIFEST_FILE, MODEL_FOLDER, RunFolder
from fairfactor.starting_model import StartingModel, from_factory, refuse_hugging_face
from fairfactor.surgery import LowRankLayer, merge_layer
from fairfactor.table_model import TableModel
from fairfactor.table_settings import TableSettings


def load_table_model(path: Path, factory: str | None = None) -> TableModel:
    """Load the model of a run, or a model folder on its own.

    Args:
        path: A run folder, whose files are checked first, or a folder that `TableModel.save` wrote.
        factory: As in `TableModel.load`.

    Returns:
        The model with its encoder.
    """
    if (path / MODEL_FOLDER).exists() or (path / MANIFEST_FILE).exists():
        return RunFolder.open(path).load_model(factory)
    return TableModel.load(path, factory)


def starting_model(config: TableSettings) -> StartingModel | None:
    """The pre-trained network that a configuration names, where it is one of tables.

    Args:
        config: The configuration.

    Returns:
        The network; ``None`` to pre-train a new one, as is done on features of texts and images.
    """
    return None if config.is_extracted else load_starting_model(config.model, config.weights)


def load_starting_model(name: str | None, weights: str | None = None) -> StartingModel | None:
    """Load a pre-trained network to start from.

    Args:
        name: A run folder, ``module:function``, or ``None``.
        weights: Weights of the network that the function makes.

    Returns:
        The starting model; ``None`` to pre-train a new one.

    Raises:
        ArgumentError: If the name is none of these.
        SavedModelError: If the run keeps no network that can be trained further.
    """
    if name is None:
        return None
    path = Path(name)
    if not path.is_dir():
        if ":" not in name:
            raise ArgumentError("model", name, "a run folder, or module:function", "Check it.")
        return from_factory(name, None if weights is None else Path(weights))
    refuse_hugging_face(path)
    saved = RunFolder.open(path).load_backbone()
    network = saved.model
    if isinstance(network, FairModel):
        raise SavedModelError(
            f"{path} keeps a decision rule and not the network behind it. Tune again with this "
            "version, which keeps both."
        )
    if saved.tree_scores is not None:
        raise SavedModelError(
            f"{path} keeps a network that reads scores of trees, which know its training rows. "
            "Start without --model, with --backbone boosted-trees."
        )
    low_rank = [n for n, layer in network.named_modules() if isinstance(layer, LowRankLayer)]
    for layer in low_rank:
        merge_layer(network, layer)
    return StartingModel(name, network, saved.encoder, saved.class_names)
