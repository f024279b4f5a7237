"""The model card of a text classifier, with metrics by group, and the way of one to the Hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fairfactor.errors import ArgumentError, FairfactorError
from fairfactor.fairness import ConfusionCounts
from fairfactor.files import atomic_write_text
from fairfactor.intervals import Estimate, bootstrap_gap_interval, group_table, wilson_interval
from fairfactor.optional import optional_module
from fairfactor.report.markdown import as_markdown

CARD_FILE = "README.md"
GAPS = {
    "demographic_parity_difference": "Demographic parity difference",
    "equalized_odds_difference_worst_case": "Equalised odds difference (worst case)",
    "equal_opportunity_difference": "Equal opportunity difference",
    "rms_true_positive_rate_difference": "True positive rate gap (root mean square)",
}
_SMALL_GROUP = 100
_READING = (
    "Intervals cover 95 %. A gap is the largest difference between two groups; a small gap says "
    "nothing about people whose group was not recorded, nor about the texts of others."
)


def text_card(
    counts: ConfusionCounts,
    class_names: tuple[str, ...],
    *,
    data: str,
    base_model: str | None = None,
    license: str | None = None,
    language: str | None = None,
) -> Any:
    """A card with accuracy, gaps and rates of every group, each with its 95 % interval.

    Nothing about single people is in it. What the model is for is left to be filled in.

    Args:
        counts: Counts on rows that nothing was trained or chosen on.
        class_names: Name of each class.
        data: Name of the data set.
        base_model: The model that was tuned, as the Hub names it.
        license: The licence of the tuned model.
        language: The language of the texts.

    Returns:
        A ``huggingface_hub.ModelCard``; ``card.save(path)`` writes it.

    Raises:
        ArgumentError: If the counts are not those of one data set with these classes.
    """
    hub = _hub()
    if counts.cells.ndim != 3 or counts.n_classes != len(class_names):
        accepted = f"counts of one data set with {len(class_names)} classes"
        raise ArgumentError("counts", counts.cells.shape, accepted)
    right, rows = int(counts.correct.sum()), int(counts.sizes.sum())
    measured = {"accuracy": ("Accuracy", wilson_interval(right, rows))}
    for name, label in GAPS.items():
        measured[name] = (label, bootstrap_gap_interval(counts, name))
    metadata = hub.ModelCardData(
        base_model=base_model,
        language=language,
        license=license,
        library_name="transformers",
        pipeline_tag="text-classification",
        model_name="text classifier",
        tags=["fairness", "fairfactor"],
        eval_results=[
            hub.EvalResult(
                task_type="text-classification",
                dataset_type="text",
                dataset_name=data,
                metric_type=name,
                metric_name=label,
                metric_value=round(estimate.value, 4),
            )
            for name, (label, estimate) in measured.items()
            if estimate.value == estimate.value  # an undefined gap is no number
        ],
    )
    what = (
        f"Classes: {_listed(class_names)}. Tuned with fairfactor; measured on {rows:,} rows of "
        f"{as_markdown(data)} that nothing was trained or chosen on."
    )
    lines = [
        "# Text classifier",
        what,
        "## Intended use",
        "*To be filled in by whoever publishes the model: for whom, for what, and for what not.*",
        "## How it treats groups",
        *_tables(counts, class_names, dict(measured.values())),
        _READING,
    ]
    return hub.ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n" + "\n\n".join(lines) + "\n")


def push_to_hub(folder: str | Path, repository: str, *, api: Any = None) -> str:
    """Upload a folder to a repository of the user's, with the user's own credentials.

    Args:
        folder: What `TextClassifier.export` wrote, with a card beside it.
        repository: ``owner/name``; it is made, and private, if it does not exist.
        api: A ``huggingface_hub.HfApi``; one with the credentials of this machine if unset.

    Returns:
        The address of the commit.

    Raises:
        ArgumentError: If there is no card, without which nothing is published.
    """
    if not (Path(folder) / CARD_FILE).is_file():
        raise ArgumentError(
            "folder",
            str(folder),
            f"a folder with {CARD_FILE}",
            "Write one: save_card(text_card(counts, class_names, data=...), folder).",
        )
    api = api or _hub().HfApi()
    api.create_repo(repository, private=True, exist_ok=True)
    commit = api.upload_folder(repo_id=repository, folder_path=str(folder))
    return str(commit.commit_url)


def save_card(card: Any, folder: str | Path) -> Path:
    """Write a card beside a model.

    Args:
        card: What `text_card` returned.
        folder: The folder of the model.

    Returns:
        The file.
    """
    path = Path(folder) / CARD_FILE
    atomic_write_text(path, str(card))
    return path


def _hub() -> Any:
    """Import huggingface_hub, which is optional."""
    return optional_module(
        "huggingface_hub",
        FairfactorError(
            "Model cards of texts need huggingface_hub. Install it: pip install 'fairfactor[text]'."
        ),
    )


def _tables(
    counts: ConfusionCounts, class_names: tuple[str, ...], measured: dict[str, Estimate]
) -> Iterator[str]:
    """Metrics, then the groups."""
    rows = [f"| {label} | {_with_interval(estimate)} |" for label, estimate in measured.items()]
    yield "\n".join(["| metric | value |", "| --- | --- |", *rows])
    if len(class_names) == 2:
        head = f"| group | rows | accuracy | {as_markdown(class_names[1])}: true positive rate | "
        head += "false positive rate |"
        body = [
            f"| {as_markdown(row.group)} | {row.count:,} | {_with_interval(row.accuracy)} | "
            f"{_with_interval(row.true_positive_rate)} | "
            f"{_with_interval(row.false_positive_rate)} |"
            for row in group_table(counts)
        ]
        yield "\n".join([head, "| --- | --- | --- | --- | --- |", *body])
    else:
        body = [
            f"| {as_markdown(row.group)} | {row.count:,} | {_with_interval(row.accuracy)} |"
            for row in group_table(counts)
        ]
        yield "\n".join(["| group | rows | accuracy |", "| --- | --- | --- |", *body])
    small = [row.group for row in group_table(counts) if row.count < _SMALL_GROUP]
    if small:
        yield f"Fewer than {_SMALL_GROUP} rows, so that little can be said: {_listed(small)}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(str(as_markdown(name)) for name in names)


def _with_interval(estimate: Estimate) -> str:
    """As in ``0.120 (0.100 to 0.140)``; a dash if undefined."""
    if estimate.value != estimate.value:
        return "—"
    high = "∞" if estimate.high == float("inf") else f"{estimate.high:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {high})"
