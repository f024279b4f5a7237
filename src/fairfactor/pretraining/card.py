"""The model card of a pre-trained network, in Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from fairfactor.data.images.releases import RELEASES
from fairfactor.pretraining.config import PretrainConfig
from fairfactor.report.markdown import as_markdown

_TEMPLATE = """\
# {architecture} pre-trained on {target}

A network for images, trained from random weights. It is meant to be fine-tuned on another task, or
to be a frozen source of features. What it says about a person must not decide anything about them.

- Architecture: {architecture} under torchvision's parameter names, {parameters:,} parameters
- Input: {size} × {size} pixels, normalised as ImageNet's where the architecture is
- Classes: {classes}
- Training: {trained_on:,} images, {epochs} epochs, seed {seed}, {precision} on {device}, PyTorch
  {torch}
- Made by `{command}`

## Data

{data}

Terms of the images: {licence}. Weights learned from them may be bound by the same terms; ask before
you publish them. They hold no image and no name, but a network can remember what it was trained on.

## Accuracy on {held_out:,} images that it was not trained on

An image is held out if the SHA-256 of `{seed}:` and its name, as a fraction, is below {share}. It
is not known whether people appear on both sides. Intervals are Wilson's, 95 %. The last column is
what always saying the most frequent class would give.

| group | images | accuracy | interval | most frequent class |
| --- | --- | --- | --- | --- |
{rows}

## Limits

- Differences between groups above are differences of this network on these images. Within the
  intervals they can be chance, and they say nothing about tasks that it is fine-tuned to.
- The labels are what annotators or models saw in a photograph, in the coarse classes of the
  release, not what a person says.
- It was trained in minutes on few images. A network pre-trained on ImageNet knows more.
"""


def render_card(config: PretrainConfig, metrics: Mapping[str, Any]) -> str:
    """Write the card. Only counts and rates of groups are in it, nothing about single people.

    Args:
        config: What was done.
        metrics: What came out, as `fairfactor.pretraining.execute` writes it.

    Returns:
        Markdown.
    """
    release = RELEASES.get(config.data)
    about: Mapping[str, str] = release.description if release else {}
    told = " ".join(filter(None, (about.get("description"), about.get("citation"))))
    return _TEMPLATE.format(
        architecture=config.architecture,
        target=_escaped(config.target),
        parameters=metrics["parameters"],
        size=config.size,
        classes=", ".join(map(_escaped, metrics["classes"])),
        trained_on=metrics["trained_on"],
        epochs=config.epochs,
        seed=config.seed,
        precision=config.precision,
        device=config.device,
        torch=metrics["torch"],
        command=_command(config),
        data=f"{about.get('name', 'Images of your own')}. {told}".strip(),
        licence=about.get("licence", "as their owner says"),
        held_out=metrics["accuracies"][0]["count"],
        share=config.held_out,
        rows="\n".join(map(_row, metrics["accuracies"])),
    )


def _row(found: Mapping[str, Any]) -> str:
    accuracy = found["accuracy"]
    name = f"{found['column']}: {found['group']}" if found["column"] else found["group"]
    return (
        f"| {_escaped(name)} | {found['count']:,} | {accuracy['value']:.1%} | "
        f"{accuracy['low']:.1%} to {accuracy['high']:.1%} | {found['most_frequent']:.1%} |"
    )


def _command(config: PretrainConfig) -> str:
    """The command that makes the same weights; where the images are is left open."""
    default = PretrainConfig(root="").without_paths()
    values = config.without_paths()
    changed = {name: value for name, value in values.items() if value != default[name]}
    options = {
        name.replace("_", "-"): ",".join(value) if isinstance(value, list) else str(value)
        for name, value in changed.items()
    }
    place = "--root FOLDER" if config.root is not None else "--images FOLDER --labels TABLE"
    told = " ".join(f"--{name} {shlex.quote(value)}" for name, value in options.items())
    return " ".join(filter(None, ("fairfactor pretrain", place, told)))


def _escaped(text: str) -> str:
    return str(as_markdown(text))
