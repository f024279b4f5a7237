"""Write docs/ablation.md from the results: ``python -m benchmarks.ablation_page``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.bench_ablation import RESULT

from fairfactor.files import atomic_write_text

PAGE = Path(__file__).parents[1] / "docs" / "ablation.md"

INTRODUCTION = """# What each means does

Adult by sex, the protocol of `fairfactor compare`, {seeds} seeds. Operating points are chosen on
training and validation rows at confidence 0.9, as `fairfactor tune` chooses, and tested once. All
numbers are percent, with 95 % intervals over seeds, not adjusted for their number. This page is
made from `benchmarks/results/ablation.json` by `python -m benchmarks.ablation_page`;
`python -m benchmarks ablation` measures again.

- **area**: share of the rectangle from a gap of 20 and an accuracy of 75 to the ideal corner that
  the points dominate on test rows, those that no other beats on validation rows; larger is better.
  EO is the worst-case equalised odds difference, DP the demographic parity difference. *Against
  the first row* is the paired difference.
- **EO ≤ 5**, **DP ≤ 4**: accuracy and gap on test rows of the point chosen for that bound, and in
  how many seeds training and validation rows keep it. Where they do not, it is the nearest point,
  and its accuracy is not to be compared.
- **worst group**: accuracy on test rows of the group with the lowest one, at the point that is best
  for it on validation rows.
"""

HEAD = (
    "| {axis} | area EO | against the first row | area DP | against the first row "
    "| EO ≤ 5: accuracy, gap | kept | DP ≤ 4: accuracy, gap | kept | worst group | trained |"
)


def page(result: dict[str, Any]) -> str:
    parts = [INTRODUCTION.format(seeds=result["seeds"])]
    for axis in result["axes"]:
        lines = [HEAD.format(axis=axis["name"]), "|" + " --- |" * 11]
        lines += [
            table_row(row, first=place == 0, seeds=result["seeds"])
            for place, row in enumerate(axis["rows"])
        ]
        parts.append(f"## {axis['name']}\n\n{axis['question']}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def table_row(row: dict[str, Any], *, first: bool, seeds: int) -> str:
    areas = [row[f"test area, {gap}"] for gap in ("equalized_odds", "demographic_parity")]
    cells = [row["name"]]
    for area in areas:
        cells += [interval(area), "" if first else interval(area["difference"], signed=True)]
    for name in ("equalized_odds<=0.05", "demographic_parity<=0.04"):
        chosen = row[name]
        cells += [
            f"{interval(chosen['accuracy'])}, {interval(chosen['gap'])}",
            f"{chosen['met']} of {seeds}",
        ]
    cells += [interval(row["worst group accuracy"]), f"{row['trained parameters']:,}"]
    return "| " + " | ".join(cells) + " |"


def interval(value: dict[str, float | None], *, signed: bool = False) -> str:
    if value["low"] is None:
        return number(value["mean"], signed=signed)
    ends = " to ".join(number(value[end], signed=signed) for end in ("low", "high"))
    return f"{number(value['mean'], signed=signed)} ({ends})"


def number(value: float | None, *, signed: bool) -> str:
    text = f"{100 * (value or 0):{'+' if signed else ''}.2f}"
    return text.replace("-", "−")


def main() -> None:
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    atomic_write_text(PAGE, page(result))
    print(f"{PAGE} written")


if __name__ == "__main__":
    main()
