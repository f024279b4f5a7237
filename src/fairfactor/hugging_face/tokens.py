"""From texts to token ids and to padded batches; the tokenizer kept as the text of its files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.hugging_face.library import silent

MAXIMUM_TOKENS = 128
MASK = "[MASK]"
"""What a text may have in place of a word; it becomes the mask token that the tokenizer has."""
_KEPT = frozenset({"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"})


class Tokens:
    """A tokenizer with a length limit.

    Args:
        tokenizer: A fast tokenizer of transformers.
        maximum_tokens: Longer texts are cut; `MAXIMUM_TOKENS`, or less where the model takes less,
            if unset.
        positions: Tokens that the model takes, if it says so.

    Raises:
        ArgumentError: If the tokenizer is not one of JSON files, or cannot go that far.
    """

    def __init__(
        self, tokenizer: Any, maximum_tokens: int | None = None, *, positions: int | None = None
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ArgumentError(
                "tokenizer",
                type(tokenizer).__name__,
                "a fast tokenizer, which tokenizer.json holds",
                "Convert it: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).",
            )
        special = tokenizer.num_special_tokens_to_add()
        longest = min(int(tokenizer.model_max_length), positions or 2**20)  # 10³⁰ is "unknown"
        if maximum_tokens is None:
            maximum_tokens = min(MAXIMUM_TOKENS, longest)
        if type(maximum_tokens) is not int or not special < maximum_tokens <= longest:
            accepted = f"an integer from {special + 1} to {longest}"
            raise ArgumentError("maximum_tokens", maximum_tokens, accepted)
        self.tokenizer, self.maximum_tokens = tokenizer, maximum_tokens
        filler = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, 0)
        self.padding_id = int(next(code for code in filler if code is not None))

    @classmethod
    def from_folder(cls, folder: Path, maximum_tokens: int | None = None) -> Self:
        """Load the tokenizer of a model.

        Args:
            folder: What ``save_pretrained`` of the tokenizer wrote, and of the model beside it.
            maximum_tokens: As above.

        Returns:
            The tokens.

        Raises:
            ArgumentError: If there is none.
        """
        with silent() as transformers:
            try:
                tokenizer = transformers.AutoTokenizer.from_pretrained(
                    str(folder), local_files_only=True, trust_remote_code=False, use_fast=True
                )
            except (OSError, ValueError, KeyError, ImportError) as error:
                cause = " ".join(str(error).split())[:200]
                raise ArgumentError(
                    "model", str(folder), f"a folder with a tokenizer ({cause})"
                ) from error
        return cls(tokenizer, maximum_tokens, positions=_positions(folder / "config.json"))

    @classmethod
    def from_files(cls, files: Mapping[str, str], maximum_tokens: int) -> Self:
        """Make the tokenizer again.

        Args:
            files: What `files` returned.
            maximum_tokens: Longer texts are cut.

        Returns:
            The tokens.

        Raises:
            SavedModelError: If a file is none of a tokenizer, or cannot be read.
        """
        if unknown := sorted(set(files) - _KEPT):
            raise SavedModelError(f"a saved tokenizer has no file {unknown[0]!r:.60}.")
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            try:
                return cls.from_folder(Path(folder), maximum_tokens)
            except ArgumentError as error:
                raise SavedModelError(f"the saved tokenizer cannot be read: {error}") from error

    def files(self) -> dict[str, str]:
        """The tokenizer as texts.

        Returns:
            Content by the name of the file.
        """
        # The last call's truncation would be saved as well; the texts are to be the same always.
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()
        with tempfile.TemporaryDirectory() as folder:
            self.tokenizer.save_pretrained(folder)
            return {
                file.name: file.read_text(encoding="utf-8")
                for file in sorted(Path(folder).iterdir())
                if file.name in _KEPT
            }

    def ids(self, texts: Sequence[object]) -> list[list[int]]:
        """Token ids of each text; what is no text counts as an empty one.

        Args:
            texts: The texts.

        Returns:
            At least one id each.
        """
        mask = self.tokenizer.mask_token
        words = [text if isinstance(text, str) else "" for text in texts]
        if mask not in {None, MASK}:
            words = [text.replace(MASK, mask) for text in words]
        if not words:
            return []
        encoded = self.tokenizer(
            words,
            truncation=True,
            max_length=self.maximum_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return [ids or [self.padding_id] for ids in encoded["input_ids"]]

    def padded(self, ids: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """Put rows of different lengths into one batch, padding on the right.

        Args:
            ids: Token ids of each row.

        Returns:
            ``input_ids`` and ``attention_mask``, int64, (rows × longest).
        """
        longest = max(map(len, ids))
        tokens = torch.full((len(ids), longest), self.padding_id)
        mask = torch.zeros(len(ids), longest, dtype=torch.int64)
        for row, some in enumerate(ids):
            tokens[row, : len(some)] = torch.tensor(some)
            mask[row, : len(some)] = 1
        return {"input_ids": tokens, "attention_mask": mask}


def _positions(file: Path) -> int | None:
    """Number of tokens that a model with learned positions takes, if it says so."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = config.get("max_position_embeddings", config.get("n_positions"))
    if not isinstance(found, int):
        return None
    # RoBERTa and its kin count positions from after the padding token.
    is_shifted = any(name in str(config.get("model_type")) for name in ("roberta", "camembert"))
    return found - (int(config.get("pad_token_id") or 0) + 1 if is_shifted else 0)
