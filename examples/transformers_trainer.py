"""An unmodified Trainer of transformers before and after surgery, measured by group.

The texts are generated and the network is tiny and new, so that this runs anywhere within seconds.
With a folder of your own, take AutoTokenizer and AutoModelForSequenceClassification from it.
"""

import tempfile

import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from fairfactor import encode_groups, fairness_metrics, load_model, save_model
from fairfactor.data.texts.templates import ROLES, load_templates
from fairfactor.rank import RankFraction
from fairfactor.weighting import Neutralized
from fairfactor.whole_model import factorize_model

transformers.set_seed(0)
frame = load_templates(1600)
words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
words.normalizer, words.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
special = ["[PAD]", "[UNK]", "[MASK]"]
words.train_from_iterator(
    frame["text"], trainers.WordLevelTrainer(special_tokens=special, show_progress=False)
)
tokenizer = transformers.PreTrainedTokenizerFast(
    tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]"
)
labels = frame["role"].map(ROLES.index)
rows = [
    {"input_ids": ids, "labels": label}
    for ids, label in zip(tokenizer(list(frame["text"]))["input_ids"], labels, strict=True)
]
train, test = rows[:1000], rows[1000:]
groups = encode_groups(frame["gender"])  # no Trainer ever sees them


def build() -> BertForSequenceClassification:
    """A tiny network with new weights."""
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    return BertForSequenceClassification(config).eval()


def trainer_of(model: BertForSequenceClassification, folder: str) -> Trainer:
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
