"""Open question: rank from 1 to full, of the last layer and of a hidden one."""

from __future__ import annotations

import copy
from time import process_time

from torch import nn

from fairfactor.features import layer_inputs
from fairfactor.finetuning import finetune
from fairfactor.intervals import mean_interval
from fairfactor.reproduction import paper
from fairfactor.reproduction.cells import Cells, Configuration, Result
from fairfactor.reproduction.measure import changed_share, measure
from fairfactor.reproduction.outcome import Report, Row
from fairfactor.reproduction.phrases import difference_sentence, line_picture
from fairfactor.reproduction.problems import DATA_SETS, prepared, problem
from fairfactor.reproduction.study import Study
from fairfactor.surgery import count_parameters
from fairfactor.weighting import Neutralized, Plain, Weighting
from fairfactor.whole_model import factorize_model

RANKS = {
    ("adult", "head"): (1, 2),
    ("adult-schooling", "head"): (1, 2, 3, 4),
    ("adult", "hidden2"): (1, 2, 4, 8, 12, 16, 20),
}
_WEIGHTINGS: dict[str, Weighting] = {"neutralized": Neutralized(), "plain": Plain()}
_LABELS = {"neutralized": "neutralised", "plain": "plain SVD"}
_LAYERS = {"head": "last layer", "hidden2": "second hidden layer"}
_FIELDS = ("changed_at_start", "trained_parameters", "seconds")
COLUMNS = {
    **paper.METRICS,
    "changed_at_start": "Predictions changed before training",
    "trained_parameters": "Trained parameters",
    "seconds": "Processor seconds",
}


def _configurations() -> list[Configuration]:
    return [
        {"data": data, "layer": layer, "rank": rank, "weighting": weighting}
        for (data, layer), ranks in RANKS.items()
        for rank in ranks
        for weighting in _WEIGHTINGS
    ]


def _run(configuration: Configuration, seed: int) -> Result:
    data, layer = configuration["data"], configuration["layer"]
    start, rows = prepared(data, "mlp-2", seed), problem(data, seed)
    began = process_time()
    model = copy.deepcopy(start.model)
    factorize_model(
        model,
        rows.rows["train"].batches(4096),
        weighting=_WEIGHTINGS[configuration["weighting"]],
        rank=configuration["rank"],
        layers=[layer],
        only_if_smaller=False,
        group_names=rows.group_names,
    )
    changed = changed_share(start.model, model, rows.rows["test"].inputs)
    model.requires_grad_(requires_grad=False).get_submodule(layer).requires_grad_()
    assert isinstance(model, nn.Sequential)
    tail = model[list(dict(model.named_children())).index(layer) :]
    examples = [
        (layer_inputs(start.model, layer, part.inputs), part.targets)
        for part in (rows.rows["train"], rows.rows["validation"])
    ]
    finetune(tail, examples[0], examples[1], config=rows.finetuning, seed=seed)
    return {
        "metrics": measure(model, rows.rows["test"], rows.group_names),
        "changed_at_start": changed,
        "trained_parameters": count_parameters(model).trained,
        "seconds": process_time() - began,
    }


def _report(cells: Cells) -> Report:
    rows = {
        (data, layer, rank, weighting): Row.of(
            f"{DATA_SETS[data].label}, {_LAYERS[layer]}, rank {rank}: {_LABELS[weighting]}",
            cells.one(data=data, layer=layer, rank=rank, weighting=weighting),
            fields=_FIELDS,
        )
        for (data, layer), ranks in RANKS.items()
        for rank in ranks
        for weighting in _WEIGHTINGS
    }
    findings = []
    for (data, layer), ranks in RANKS.items():
        low, high = (rows[data, layer, rank, "neutralized"] for rank in (ranks[0], ranks[-1]))
        findings.append(difference_sentence("Lowest rank against full rank", low, high))
        full = mean_interval(high.values["changed_at_start"]).mean
        findings.append(
            f"{high.label}: at full rank {100 * full:.2f} % of the predictions change before "
            "training, as they must not."
        )
    pictures = {
        f"rank-{name}": line_picture(
            f"Second hidden layer (20 × 20) at rank r, Adult: {label}",
            "rank",
            label,
            {
                _LABELS[weighting]: [
                    (rank, rows["adult", "hidden2", rank, weighting].values[metric])
                    for rank in RANKS["adult", "hidden2"]
                ]
                for weighting in _WEIGHTINGS
            },
        )
        for name, (metric, label) in zip(
            ("error", "parity", "odds"), paper.METRICS.items(), strict=True
        )
    }
    return Report(list(rows.values()), columns=COLUMNS, findings=findings, pictures=pictures)


STUDY = Study(
    name="rank",
    title="Open question: the rank",
    question="What do error and gaps cost at each rank? The paper does not state its rank. The "
    "last layer with two and four classes, and the second hidden layer (20 × 20), of which only "
    "the factors are tuned.",
    configurations=_configurations,
    run=_run,
    report=_report,
    rooms=("whole_model.py", "layer_problems.py", "rank.py"),
)
