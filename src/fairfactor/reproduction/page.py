"""The page "Does it reproduce?", made from saved results alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from fairfactor.files import atomic_write_text
from fairfactor.reproduction.outcome import mean_and_sd
from fairfactor.reproduction.paper import RUNS
from fairfactor.reproduction.pictures import draw
from fairfactor.reproduction.registry import STUDIES
from fairfactor.reproduction.verdict import TOLERANCE, Verdict

Results = Mapping[str, Mapping[str, Any]]
IMAGES = "images/reproduction"
_MOST_CLAIMS = 4
_HEADER = """# Does it reproduce?

Every table and figure of the paper (arXiv 2403.00625), run again, with the controls that it lacks.
This page is made from the results in `benchmarks/results/reproduction/` by
`fairfactor reproduce --page docs/does-it-reproduce.md`; nothing on it is written by hand beside
what a study asks.

```sh
fairfactor reproduce figure-4            # one study
fairfactor reproduce --all               # everything on Adult; go on after an interruption
make reproduce                           # the same, then this page
```

**The rule, stated beforehand.** A number *reproduces* if the whole 95 % interval of our mean minus
the paper's lies within ±{error} points of Err or ±{gap} of a gap, which is how far the paper's own
numbers for one configuration lie apart; it *does not* if the whole interval lies outside; otherwise
it *cannot be decided*. A claim that something changes a metric by c *reproduces* if the whole
interval of our paired difference lies beyond c / 2, and *does not* if the whole interval falls
short of it. Intervals miss 1 time in 20, so a few verdicts of many are wrong by chance.

Gaps are those of the paper: ΔDP is the gap in the rate of positive predictions, ΔEO the sum of the
gaps in true and false positive rates; Err is 100 minus the weighted F1. A gap of zero does not mean
that a model is fair; see [Limits](limits.md).
"""


def write_page(results: Results, page: Path) -> list[Path]:
    """Write the page and its pictures.

    Args:
        results: Results by the name of the study.
        page: The Markdown file; pictures go into ``images/reproduction`` beside it.

    Returns:
        The files.
    """
    files = {page: render_page(results)}
    for name, text in render_pictures(results).items():
        files[page.parent / IMAGES / name] = text
    for path, text in files.items():
        atomic_write_text(path, text)
    return list(files)


def render_pictures(results: Results) -> dict[str, str]:
    """Draw the pictures of all studies.

    Args:
        results: Results by the name of the study.

    Returns:
        SVG by the name of the file.
    """
    return {
        f"{name}.svg": draw(picture)
        for study in _in_order(results)
        for name, picture in study["pictures"].items()
    }


def render_page(results: Results) -> str:
    """Write the page.

    Args:
        results: Results by the name of the study.

    Returns:
        Markdown.
    """
    studies = _in_order(results)
    header = _HEADER.format(
        error=TOLERANCE["paper_error"], gap=TOLERANCE["demographic_parity_difference"]
    )
    parts = [header, *_summary(studies)]
    for study in studies:
        parts += _study(study)
    parts += _environment(studies)
    return "\n".join(parts).rstrip() + "\n"


def _in_order(results: Results) -> list[Mapping[str, Any]]:
    return [results[name] for name in STUDIES if name in results]


def _summary(studies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    verdicts = get_args(Verdict)
    yield "## In short\n"
    yield "| study | numbers: yes / no / open | claims: yes / no / open |"
    yield "| --- | --- | --- |"
    for study in studies:
        counts = [Counter(_number_verdicts(study)), Counter(c["verdict"] for c in study["claims"])]
        if not any(counts):
            continue
        cells = (
            " / ".join(str(count[verdict]) for verdict in verdicts) if count else "—"
            for count in counts
        )
        yield f"| [{study['title']}](#{study['study']}) | {' | '.join(cells)} |"
    yield ""
    yield _number_of_seeds(studies)
    yield "### What held\n"
    yield from _claims_by_verdict(studies, "reproduces")
    yield "### What did not\n"
    yield from _claims_by_verdict(studies, "does not reproduce")
    lessons = [lesson for study in studies for lesson in study["lessons"]]
    if lessons:
        yield "### What it means for a user\n"
        yield from (f"- {lesson}" for lesson in lessons)
        yield ""


def _number_of_seeds(studies: Sequence[Mapping[str, Any]]) -> str:
    """How many runs are behind the page, and what follows if they are few."""
    numbers = [len(study["seeds"]) for study in studies]
    spread = "to".join(f" {number} " for number in sorted({min(numbers), max(numbers)})).strip()
    text = f"Runs of each cell: {spread}."
    if min(numbers) < RUNS:
        few = ", ".join(study["study"] for study in studies if len(study["seeds"]) < RUNS)
        text += (
            f" The paper has {RUNS}; with fewer, intervals are wide and many verdicts stay open. "
            f"Fewer have: {few}. `make reproduce` runs what is missing."
        )
    return text + "\n"


def _claims_by_verdict(studies: Sequence[Mapping[str, Any]], verdict: Verdict) -> Iterator[str]:
    nothing = True
    for study in studies:
        texts = [claim["text"] for claim in study["claims"] if claim["verdict"] == verdict]
        if texts:
            nothing = False
            more = f"; and {len(texts) - _MOST_CLAIMS} more" if len(texts) > _MOST_CLAIMS else ""
            yield f"- **{study['title']}**: {'; '.join(texts[:_MOST_CLAIMS])}{more}."
    if nothing:
        yield "- No claim."
    yield ""


def _study(study: Mapping[str, Any]) -> Iterator[str]:
    yield f'<a id="{study["study"]}"></a>\n\n## {study["title"]}\n'
    yield f"{study['question']}\n"
    yield from (f"- {finding}" for finding in study["findings"])
    yield ""
    for name, picture in study["pictures"].items():
        yield f"![{picture['title']}]({IMAGES}/{name}.svg)\n"
    judged = [
        _number(row["label"], study["columns"].get(name, name), name, column)
        for row in study["rows"]
        for name, column in row["columns"].items()
        if "verdict" in column
    ]
    yield from _details(
        "Against the paper's numbers",
        ("what", "metric", "paper", "ours, mean ± sd", "ours − paper (95 %)", "verdict"),
        judged,
    )
    yield from _details(
        "Claims of the paper",
        ("claim", "claimed", "seen (95 %)", "verdict"),
        [_claim(claim) for claim in study["claims"]],
    )
    columns = study["columns"]
    yield from _details(
        f"Everything measured, over {len(study['seeds'])} seeds",
        ("what", *columns.values()),
        [
            (row["label"], *(_ours(row["columns"].get(name), name) for name in columns))
            for row in study["rows"]
        ],
    )
    for gap in study["gaps"]:
        yield f"- Not run: {gap['label']}, because {gap['reason'].rstrip('.')}."
    yield ""


def _details(title: str, header: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table that opens on request."""
    if not lines:
        return
    yield f'<details markdown="1"><summary>{title}</summary>\n'
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for line in lines:
        yield f"| {' | '.join(line)} |"
    yield "\n</details>\n"


def _number(label: str, metric: str, name: str, column: Mapping[str, Any]) -> tuple[str, ...]:
    paper = mean_and_sd(column["paper"]["mean"], column["paper"]["sd"], name)
    return (
        label,
        metric,
        paper,
        _ours(column, name),
        _interval(column["difference"], name),
        column["verdict"],
    )


def _claim(claim: Mapping[str, Any]) -> tuple[str, ...]:
    name = claim["metric"]
    return (
        claim["text"],
        f"{mean_and_sd(claim['claimed'], None, name)}",
        _interval(claim["difference"], name),
        claim["verdict"],
    )


def _ours(column: Mapping[str, Any] | None, name: str) -> str:
    if column is None or column["ours"] is None:
        return "—"
    return mean_and_sd(column["ours"]["mean"], column["ours"]["sd"], name)


def _interval(interval: Mapping[str, float | None], name: str) -> str:
    mean, low, high = (
        "∞" if interval[end] is None else mean_and_sd(interval[end] or 0.0, None, name)
        for end in ("mean", "low", "high")
    )
    return f"{mean} ({low} to {high})"


def _number_verdicts(study: Mapping[str, Any]) -> Iterator[str]:
    for row in study["rows"]:
        for column in row["columns"].values():
            if "verdict" in column:
                yield column["verdict"]


def _environment(studies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Where these numbers come from\n"
    yield "| study | seeds | cells | fairfactor, code | environment |"
    yield "| --- | --- | --- | --- | --- |"
    for study in studies:
        seeds = study["seeds"]
        places = ", ".join(f"{key} {value}" for key, value in study["environment"].items())
        yield (
            f"| {study['study']} | {seeds[0]} to {seeds[-1]} | {study['cells']} | "
            f"{study['fairfactor_version']}, {study['code_version']} | {places} |"
        )
