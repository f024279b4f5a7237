"""The command that makes a pre-trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairfactor.cli.options import with_config_options, with_session
from fairfactor.cli.session import Session
from fairfactor.pretraining.config import PretrainConfig


@with_session
@with_config_options
def pretrain(
    session: Session,
    config: PretrainConfig,
    out: Annotated[Path, typer.Option(help="Folder for the weights and their model card.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another training there.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last epoch that was finished.")
    ] = False,
) -> None:
    """Train a network for images from the start, on another task than the one to come.

    For example: fairfactor pretrain --root UTKFACE --out weights, then --model resnet18 --weights
    weights/weights.safetensors. With the same training in the folder nothing is done.
    """
    from fairfactor.pretraining.execute import pretrain as execute

    with session.progress("Epochs", config.epochs) as advance:
        finished = execute(
            config,
            out,
            overwrite=overwrite,
            resume=resume,
            on_images=advance.before("Images"),
            on_epoch=advance,
        )
    metrics = finished.metrics
    found = metrics["accuracies"][0]
    accuracy = found["accuracy"]
    session.show(
        f"{config.architecture} tells {config.target!r} of {found['count']:,} held-out images "
        f"rightly in {accuracy['value']:.1%} ({accuracy['low']:.1%} to {accuracy['high']:.1%}); "
        f"always the most frequent class would be in {found['most_frequent']:.1%}.\n"
        f"Weights: {finished.weights}\nModel card: {finished.card}",
        {"weights": str(finished.weights), "card": str(finished.card), **metrics},
    )
