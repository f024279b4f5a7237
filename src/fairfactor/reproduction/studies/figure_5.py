"""Figure 5: the paper's method on Adult for α from 0.5 to 0.9."""

from __future__ import annotations

from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration
from fairfactor.reproduction.measure import run_method
from fairfactor.reproduction.outcome import Claim, Report, Row
from fairfactor.reproduction.phrases import claims_sentence, line_picture, signed, spread_sentence
from fairfactor.reproduction.study import Study

RANKS = (2, 1)


def _configurations() -> list[Configuration]:
    return [
        {
            "data": "adult",
            "architecture": "mlp-2",
            "method": "neutralized",
            "rank": rank,
            "alpha": alpha,
        }
        for rank in RANKS
        for alpha in paper.FIGURE_5
    ]


def _report(cells: Cells) -> Report:
    rows = {
        (rank, alpha): Row.of(
            f"α = {alpha}, rank {rank}", cells.one(alpha=alpha, rank=rank), paper.FIGURE_5[alpha]
        )
        for rank in RANKS
        for alpha in paper.FIGURE_5
    }
    first, last = min(paper.FIGURE_5), max(paper.FIGURE_5)
    claims = [
        Claim(
            f"from α = {first} to α = {last}, {label} changes by {signed(change, metric)}",
            metric,
            rows[RANKS[0], last],
            rows[RANKS[0], first],
            change,
        )
        for metric, label in paper.METRICS.items()
        for change in [paper.FIGURE_5[last][metric].mean - paper.FIGURE_5[first][metric].mean]
    ]
    pictures = {
        f"figure-5-{metric.replace('_', '-')}": line_picture(
            f"{label} for α from 0.5 to 0.9",
            "α, the weight of women",
            label,
            {
                f"rank {rank}": [(a, rows[rank, a].values[metric]) for a in paper.FIGURE_5]
                for rank in RANKS
            },
            paper=[(alpha, row[metric].mean) for alpha, row in paper.FIGURE_5.items()],
        )
        for metric, label in paper.METRICS.items()
    }
    findings = [claims_sentence("a larger α changes something", claims)]
    for rank in RANKS:
        findings.append(
            spread_sentence(
                f"α, at rank {rank}", [row for (r, _), row in rows.items() if r == rank]
            )
        )
    return Report(list(rows.values()), claims=claims, findings=findings, pictures=pictures)


STUDY = Study(
    name="figure-5",
    title="Figure 5: the weight α of the first group",
    question="Does α, the weight of women's importance, trade error for gaps? The paper gives one "
    "number for each α and no spread. Rank 2 as in Figure 4, and rank 1.",
    configurations=_configurations,
    run=run_method,
    report=_report,
)
