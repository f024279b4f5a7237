"""Features of texts: what a frozen encoder of Hugging Face makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import torch
from torch import Tensor, nn

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.feature_extraction.extractor import FeatureExtractor
from fairfactor.features import evaluation_mode
from fairfactor.hugging_face import Tokens, architecture_json, build_model, load_encoder
from fairfactor.hugging_face.head import head_inputs, head_name
from fairfactor.surgery import save_adapter

if TYPE_CHECKING:
    from peft import PeftModel

Pooling = Literal["mean", "cls", "last", "head"]
"""How the hidden states of a text become one vector: their mean over the tokens, that of the first
or of the last token, or what the last layer of a classifier is given."""

ADAPTER_FOLDER = "adapter"
_AT_ONCE = 16


class TextExtractor(FeatureExtractor):
    """Pooled hidden states of a frozen encoder or decoder.

    Args:
        encoder: A network of transformers from token ids to hidden states; with the pooling
            ``"head"`` a classifier.
        tokens: The tokenizer and its limit.
        column: Column of the texts.
        pooling: How the hidden states of a text become one vector.
        adapter: The encoder inside PEFT before its adapter was merged, if it was tuned with one.

    Raises:
        ArgumentError: If there is no such pooling.
    """

    kind = "text"

    def __init__(
        self,
        encoder: nn.Module,
        tokens: Tokens,
        *,
        column: str = "text",
        pooling: Pooling = "mean",
        adapter: PeftModel | None = None,
    ) -> None:
        if pooling not in get_args(Pooling):
            raise ArgumentError("pooling", pooling, f"one of {', '.join(get_args(Pooling))}")
        config: Any = encoder.config
        width = int(config.hidden_size)
        if pooling == "head":
            layer: Any = encoder.get_submodule(head_name(encoder))
            width = int(layer.in_features)
        super().__init__(column, width)
        self.encoder = encoder.eval().requires_grad_(requires_grad=False)
        self.tokens, self.pooling = tokens, pooling
        self._adapters = [] if adapter is None else [adapter]  # a list: its weights are not ours

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        *,
        column: str = "text",
        pooling: Pooling = "mean",
        maximum_tokens: int | None = None,
    ) -> Self:
        """Load an encoder and its tokenizer from a folder on this machine.

        Args:
            folder: What ``save_pretrained`` wrote: safetensors and JSON, no code.
            column: Column of the texts.
            pooling: How the hidden states of a text become one vector.
            maximum_tokens: Longer texts are cut; 128 or the limit of the model if unset.

        Returns:
            The extractor.
        """
        encoder = load_encoder(Path(folder))
        tokens = Tokens.from_folder(Path(folder), maximum_tokens)
        return cls(encoder, tokens, column=column, pooling=pooling)

    def features(self, values: Sequence[str]) -> Tensor:
        """Pooled hidden states of some texts.

        Texts of similar length go through the network together, so that little is padded.

        Args:
            values: The texts.

        Returns:
            float32, (texts × width).
        """
        ids = self.tokens.ids(values)
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        found = torch.empty(len(ids), self.width)
        device = next(self.encoder.parameters()).device
        with evaluation_mode(self.encoder):
            for start in range(0, len(order), _AT_ONCE):
                rows = order[start : start + _AT_ONCE]
                padded = self.tokens.padded([ids[row] for row in rows])
                batch = {name: tensor.to(device) for name, tensor in padded.items()}
                found[rows] = self._pooled(batch).float().cpu()
        return found

    def description(self) -> dict[str, Any]:
        """Column, pooling, limit, architecture, and the tokenizer as the text of its files."""
        return {
            "column": self.column,
            "pooling": self.pooling,
            "maximum_tokens": self.tokens.maximum_tokens,
            "architecture": architecture_json(self.encoder),
            "tokenizer": self.tokens.files(),
        }

    def save_apart(self, folder: Path) -> None:
        """Write the adapter, for plain PEFT on the original encoder.

        Args:
            folder: The folder of the run.
        """
        for adapter in self._adapters:
            save_adapter(adapter, folder / ADAPTER_FOLDER)

    @classmethod
    def skeleton(cls, description: Mapping[str, Any]) -> Self:
        """Make the extractor again; its weights are still to be loaded.

        Args:
            description: What `description` returned.

        Returns:
            The extractor.

        Raises:
            SavedModelError: If the description is damaged.
        """
        try:
            tokens = Tokens.from_files(description["tokenizer"], description["maximum_tokens"])
            return cls(
                build_model(description["architecture"]),
                tokens,
                column=description["column"],
                pooling=description["pooling"],
            )
        except (KeyError, TypeError, AttributeError, ArgumentError) as error:
            raise SavedModelError(f"the saved text extractor is damaged ({error}).") from error

    def _pooled(self, batch: dict[str, Tensor]) -> Tensor:
        """One vector for each row of a batch."""
        mask = batch["attention_mask"]
        last = mask.sum(dim=1) - 1
        rows = torch.arange(len(mask), device=mask.device)
        if self.pooling == "head":
            return head_inputs(self.encoder, batch)
        states: Tensor = self.encoder(**batch).last_hidden_state
        if self.pooling == "cls":
            return states[:, 0]
        if self.pooling == "last":
            return states[rows, last]
        weights = mask[:, :, None].to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)
