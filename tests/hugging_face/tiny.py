"""Tiny models of transformers with random weights, in folders as save_pretrained writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fairfactor.data.texts.templates import load_templates

pytest.importorskip("transformers", reason="needs pip install 'fairfactor[text]'")

import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

WIDTH = 16
KINDS = ("bert", "distilbert", "roberta", "gpt2")


def make_tokenizer(kind: str) -> transformers.PreTrainedTokenizerFast:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if kind == "gpt2":
        special = ["<|endoftext|>", "[UNK]"]
    elif kind == "roberta":
        special = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    texts = list(load_templates(300, seed=7)["text"])
    trainer = trainers.WordLevelTrainer(special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    if kind == "gpt2":
        return transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            unk_token="[UNK]",
            eos_token="<|endoftext|>",
            model_max_length=64,
        )
    start, end = ("<s>", "</s>") if kind == "roberta" else ("[CLS]", "[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (start, end)],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="<pad>" if kind == "roberta" else "[PAD]",
        cls_token=start,
        sep_token=end,
        mask_token="<mask>" if kind == "roberta" else "[MASK]",
        model_max_length=64,
    )


def make_config(kind: str, tokenizer: transformers.PreTrainedTokenizerFast):
    common = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if kind == "gpt2":
        return transformers.GPT2Config(
            vocab_size=len(tokenizer),
            n_embd=WIDTH,
            n_layer=2,
            n_head=2,
            n_positions=64,
            bos_token_id=0,
            eos_token_id=0,
        )
    if kind == "distilbert":
        return transformers.DistilBertConfig(
            **common, dim=WIDTH, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=64
        )
    configs = {"bert": transformers.BertConfig, "roberta": transformers.RobertaConfig}
    return configs[kind](
        **common,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        initializer_range=0.2,
    )


def make_folder(folder: Path, kind: str = "bert", *, classes: int | None = None) -> Path:
    """An encoder, or with ``classes`` a classifier."""
    tokenizer = make_tokenizer(kind)
    config = make_config(kind, tokenizer)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if classes is None:
            model = transformers.AutoModel.from_config(config)
        else:
            config.num_labels = classes
            if config.pad_token_id is None:
                config.pad_token_id = config.eos_token_id
            model = transformers.AutoModelForSequenceClassification.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
