"""An unmodified Trainer of transformers before and after surgery, measured by group.

The texts are generated and the network is tiny and new, so that this runs anywhere within seconds.
With a folder of your own, take AutoTokenizer and AutoModelForSequenceClassification from it.
"""

import tempfile

import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification, Trainer, TrainingArguments

from fairfactor import encode_groups, fairness_metrics, load_model, save_model
from fairfactor.data.texts.templates import ROLES, load_templates
from fairfactor.hugging_face.tiny import tiny_folder
from fairfactor.rank import RankFraction
from fairfactor.weighting import Neutralized
from fairfactor.whole_model import factorize_model

transformers.set_seed(0)
frame = load_templates(1600)
with tempfile.TemporaryDirectory() as base:
    tiny_folder(base, frame["text"], classes=2, width=32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    config = AutoConfig.from_pretrained(base)
labels = frame["role"].map(ROLES.index)
rows = [
    {"input_ids": ids, "labels": label}
    for ids, label in zip(tokenizer(list(frame["text"]))["input_ids"], labels, strict=True)
]
train, test = rows[:1000], rows[1000:]
groups = encode_groups(frame["gender"])  # no Trainer ever sees them


def build() -> torch.nn.Module:
    """The architecture with new weights; from_pretrained gives those of a folder."""
    return AutoModelForSequenceClassification.from_config(config).eval()


def trainer_of(model: torch.nn.Module, folder: str) -> Trainer:
    """The Trainer as it is: no group, no callback, no loss of ours."""
    arguments = TrainingArguments(
        folder,
        num_train_epochs=3,
        per_device_train_batch_size=32,
        learning_rate=3e-3,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )
    collate = transformers.DataCollatorWithPadding(tokenizer)
    return Trainer(model, arguments, train_dataset=train, data_collator=collate)


def report(name: str, trainer: Trainer) -> None:
    """Predict the rows in their order, which is that of the groups."""
    predicted = trainer.predict(test).predictions.argmax(1)  # in the order of the rows
    found = fairness_metrics(labels[1000:], predicted, groups.codes[1000:])
    gap = found["equalized_odds_difference_worst_case"]
    print(f"{name}: accuracy {found['accuracy']:.3f}, equalised odds gap {gap:.3f}")


with tempfile.TemporaryDirectory() as folder:
    model = build()
    trainer = trainer_of(model, folder)
    trainer.train()
    report("whole", trainer)

    model.cpu().eval()
    batches = []
    for start in range(0, 400, 50):
        some = trainer.data_collator(train[start : start + 50])
        targets = some.pop("labels")
        batches.append((dict(some), targets, groups.codes[start : start + 50].copy()))
    replaced = factorize_model(model, batches, weighting=Neutralized(), rank=RankFraction(0.25))
    print(sum(layer.replacement is not None for layer in replaced.values()), "layers factorised")

    trainer = trainer_of(model, folder)
    trainer.train()
    report("factorised", trainer)

    save_model(model, f"{folder}/saved")
    loaded = load_model(build(), f"{folder}/saved")  # plain from_pretrained would lose the factors
    report("loaded", trainer_of(loaded, folder))
