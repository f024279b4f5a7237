"""Tiny models with new weights and a vocabulary of some texts, to try things out without any file.

Their weights are random: they show that the mechanics work, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from fairfactor.errors import ArgumentError
from fairfactor.hugging_face.library import silent

Kind = Literal["bert", "distilbert", "roberta", "xlm-roberta", "gpt2"]
POSITIONS = 64
_SPECIAL_TOKENS = {
    "gpt2": {"eos_token": "<|endoftext|>", "unk_token": "[UNK]"},
    "roberta": {
        "cls_token": "<s>",
        "pad_token": "<pad>",
        "sep_token": "</s>",
        "unk_token": "[UNK]",
        "mask_token": "<mask>",
    },
    "bert": {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    },
}


def tiny_folder(
    folder: str | Path,
    texts: Iterable[str],
    *,
    kind: Kind = "bert",
    classes: int | None = None,
    width: int = 16,
    seed: int = 0,
) -> Path:
    """Write a tiny encoder, decoder or classifier as ``save_pretrained`` does.

    Args:
        folder: A new or empty folder.
        texts: Texts whose words are the vocabulary.
        kind: Its architecture: two layers, two heads, 64 positions.
        classes: Number of classes; without it there is no head.
        width: Width of the hidden states.
        seed: Seed of the weights.

    Returns:
        The folder.

    Raises:
        ArgumentError: If there is no such kind.
    """
    if kind not in get_args(Kind):
        raise ArgumentError("kind", kind, f"one of {', '.join(get_args(Kind))}")
    with silent() as transformers, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = _tokenizer(transformers, kind, texts)
        config = _config(transformers, kind, tokenizer, width)
        if classes is None:
            model = transformers.AutoModel.from_config(config)
        else:
            config.num_labels = classes
            if config.pad_token_id is None:
                config.pad_token_id = config.eos_token_id
            model = transformers.AutoModelForSequenceClassification.from_config(config)
        model.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
    return Path(folder)


def _tokenizer(transformers: Any, kind: Kind, texts: Iterable[str]) -> Any:
    """A tokenizer of whole words, with the special tokens that are usual for the kind."""
    import tokenizers

    names = _SPECIAL_TOKENS.get(kind.removeprefix("xlm-"), _SPECIAL_TOKENS["bert"])
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token="[UNK]"))
    words.normalizer = tokenizers.normalizers.Lowercase()
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.train_from_iterator(
        texts,
        tokenizers.trainers.WordLevelTrainer(
            special_tokens=list(names.values()), show_progress=False
        ),
    )
    if "cls_token" in names:
        ends = (names["cls_token"], names["sep_token"])
        words.post_processor = tokenizers.processors.TemplateProcessing(
            single=f"{ends[0]} $A {ends[1]}",
            special_tokens=[(name, words.token_to_id(name)) for name in ends],
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, model_max_length=POSITIONS, **names
    )


def _config(transformers: Any, kind: Kind, tokenizer: Any, width: int) -> Any:
    """Two layers with two heads."""
    size = {"vocab_size": len(tokenizer)}
    if kind == "gpt2":
        return transformers.GPT2Config(
            **size,
            n_embd=width,
            n_layer=2,
            n_head=2,
            n_positions=POSITIONS,
            bos_token_id=tokenizer.eos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    size["pad_token_id"] = tokenizer.pad_token_id
    if kind == "distilbert":
        return transformers.DistilBertConfig(
            **size,
            dim=width,
            n_layers=2,
            n_heads=2,
            hidden_dim=2 * width,
            max_position_embeddings=POSITIONS,
        )
    made = {
        "bert": transformers.BertConfig,
        "roberta": transformers.RobertaConfig,
        "xlm-roberta": transformers.XLMRobertaConfig,
    }[kind]
    return made(
        **size,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=POSITIONS + 2,  # RoBERTa leaves the first two out
        initializer_range=0.2,
    )
