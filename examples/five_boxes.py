"""A transformer through the paper's five boxes, with a training loop of your own.

The model is tiny, made from a configuration with random weights, and the texts are made-up tokens,
so that nothing is downloaded. `BertForSequenceClassification.from_pretrained(...)` and a DataLoader
of your own data take their places. Needs the package transformers.
"""

import copy
import tempfile

import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForSequenceClassification

from fairfactor import (
    fairness_metrics,
    group_fisher,
    load_model,
    neutralize,
    neutralized,
    replace_layer,
    save_model,
)
from fairfactor.rank import break_even_rank

torch.manual_seed(0)


def build() -> BertForSequenceClassification:
    """A small BERT with random weights."""
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        vocab_size=50,
    )
    return BertForSequenceClassification(config).eval()


# A text is positive if it has more tokens below 25 than above; group B writes higher tokens.
groups = torch.arange(512) % 2
tokens = (torch.randint(50, (512, 12)) + 5 * groups[:, None]).clamp(max=49)
labels = (tokens.float().mean(1) < 25).long()
batches = [
    ({"input_ids": tokens[rows]}, labels[rows], groups[rows])
    for rows in torch.arange(512).split(64)
]


def train(model: torch.nn.Module, epochs: int) -> None:
    """Any loop will do: no group is needed in it."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(epochs):
        for inputs, targets, _ in batches:
            optimizer.zero_grad()
            cross_entropy(model(**inputs).logits, targets).backward()
            optimizer.step()
    model.eval()


def show(name: str, model: torch.nn.Module) -> None:
    """Accuracy, gap and size."""
    with torch.no_grad():
        decided = model(tokens).logits.argmax(1)
    gap = fairness_metrics(labels, decided, groups)["equalized_odds_difference_worst_case"]
    size = sum(parameter.numel() for parameter in model.parameters())
    accuracy = (decided == labels).float().mean()
    print(f"{name}: accuracy {accuracy:.3f}, equalised odds gap {gap:.3f}, {size:,} parameters")


model = build()
train(model, 8)  # stands for the pre-training
show("pre-trained", model)
whole = copy.deepcopy(model)

# Box 1: the importance of each input of each layer, to each group, in one pass.
fishers = group_fisher(model, batches, layers="*.intermediate.dense", group_names=["A", "B"])
for name, fisher in fishers.items():
    importance = neutralize(fisher.row_importance)  # box 2
    weight = model.get_submodule(name).weight
    rank = break_even_rank(*weight.shape) // 2
    factors = neutralized(weight, rank=rank, importance=importance)  # box 3
    replace_layer(model, name, factors)  # box 4
    print(f"{name}: {tuple(weight.shape)} at rank {rank}")
show("factorised", model)

train(model, 4)  # box 5
show("fine-tuned", model)
train(whole, 4)
show("the whole model, trained as long", whole)  # what longer training does alone

with tempfile.TemporaryDirectory() as folder:
    save_model(model, f"{folder}/model")
    again = load_model(build(), f"{folder}/model")
    with torch.no_grad():
        assert torch.equal(again(tokens).logits, model(tokens).logits)
