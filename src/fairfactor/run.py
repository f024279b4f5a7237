"""From a configuration to a finished run folder, or to the plan of the work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairfactor.checkpoints import Checkpoints
from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.data.sources import describe
from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError
from fairfactor.groups import Groups
from fairfactor.kept_models import backbone_model, chosen_model, kept_model
from fairfactor.model_loading import starting_model
from fairfactor.progress import OnCount, untold
from fairfactor.run_folder import RunFolder, next_free, require_free
from fairfactor.studies.comparison import compare_methods
from fairfactor.studies.leakage import measure_leakage, with_leakage
from fairfactor.studies.peer_comparison import compare_with_peers
from fairfactor.studies.peer_summary import summarize_peers
from fairfactor.studies.summary import summarize
from fairfactor.studies.task_groups import task_groups
from fairfactor.studies.tuning import run_tuning
from fairfactor.studies.tuning_summary import summarize_tuning
from fairfactor.studies.work_plan import WorkPlan, plan_work
from fairfactor.table_settings import TableSettings
from fairfactor.tune_config import TuneConfig

RUNS = Path("runs")


def execute(
    config: RunConfig,
    out: Path | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
    workers: int | None = None,
    on_seed: Callable[[], None] = lambda: None,
    on_rows: OnCount = untold,
) -> RunFolder:
    """Run a configuration and write its folder; the folder is written when all of it is done.

    Args:
        config: What to run.
        out: The folder; the next free ``runs/<data>-<number>`` if unset.
        overwrite: Whether an older run in the folder is replaced.
        resume: Whether seeds that an interrupted attempt has finished are taken from it.
        workers: Number of processes, see `compare_methods`.
        on_seed: Called after each seed.
        on_rows: Called while features of texts or images are computed.

    Returns:
        The folder, which is checked before the work starts.
    """
    stem = _stem(config.data)
    require_free(out or next_free(RUNS, stem), overwrite=overwrite)
    checkpoints = _checkpoints("run", config, out)
    start = starting_model(config)
    with checkpoints.kept_until_done(resume=resume):
        task = _load_task(config, on_rows, checkpoints)
        comparison = compare_methods(
            task,
            config,
            workers=workers,
            on_seed=on_seed,
            checkpoints=checkpoints,
            start=start,
        )
        return RunFolder.write(
            out or next_free(RUNS, stem),  # again: another run may have finished meanwhile
            config.to_dict(),
            _complete(summarize(comparison), config, task, comparison.groups),
            kept_model(comparison),
            overwrite=overwrite,
        )


def execute_tuning(
    config: TuneConfig,
    out: Path | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
    on_progress: Callable[[str, float], None] | None = None,
) -> RunFolder:
    """Tune a model to constraints and write its folder when all of it is done.

    Args:
        config: What is needed, on which data.
        out: The folder; the next free ``runs/tune-<data>-<number>`` if unset.
        overwrite: Whether an older run in the folder is replaced.
        resume: Whether recipes that an interrupted attempt has finished are taken from it.
        on_progress: Called with what is being done and the share that is finished.

    Returns:
        The folder, which is checked before the work starts.
    """
    stem = f"tune-{_stem(config.data)}"
    require_free(out or next_free(RUNS, stem), overwrite=overwrite)
    checkpoints = _checkpoints("tune", config, out)
    start = starting_model(config)
    with checkpoints.kept_until_done(resume=resume):
        task = _load_task(config, _as_progress(on_progress), checkpoints)
        tuning = run_tuning(
            task,
            config.constraint,
            confidence=config.confidence,
            recipes=config.recipes,
            groups_at_prediction=config.groups_at_prediction,
            hidden=config.widths,
            backbone=config.backbone,
            minimum_group_size=config.minimum_group_size,
            seed=config.seed,
            start=start,
            on_progress=on_progress,
            checkpoints=checkpoints,
        )
        metrics = _complete(
            summarize_tuning(tuning, describe(config.data)), config, task, tuning.groups
        )
        return RunFolder.write(
            out or next_free(RUNS, stem),
            config.to_dict(),
            metrics,
            chosen_model(tuning, config),
            backbone=backbone_model(tuning, config) if tuning.keeps_backbone else None,
            overwrite=overwrite,
        )


def execute_comparison(
    config: CompareConfig,
    out: Path | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
    workers: int | None = None,
    on_seed: Callable[[], None] = lambda: None,
    on_rows: OnCount = untold,
) -> RunFolder:
    """Compare ours with the peers and write the folder; it keeps no model.

    Args:
        config: Peers, seeds and data.
        out: The folder; the next free ``runs/compare-<data>-<number>`` if unset.
        overwrite: Whether an older run in the folder is replaced.
        resume: Whether recipes and peers that an interrupted attempt has finished are taken.
        workers: Number of processes; as many as there are processors and seeds if unset.
        on_seed: Called after each seed.
        on_rows: Called while features of texts or images are computed.

    Returns:
        The folder, which is checked before the work starts.
    """
    stem = f"compare-{_stem(config.data)}"
    require_free(out or next_free(RUNS, stem), overwrite=overwrite)
    checkpoints = _checkpoints("compare", config, out)
    with checkpoints.kept_until_done(resume=resume):
        task = _load_task(config, on_rows, checkpoints)
        comparison = compare_with_peers(
            task, config, workers=workers, on_seed=on_seed, checkpoints=checkpoints
        )
        metrics = summarize_peers(comparison, describe(config.data))
        place = out or next_free(RUNS, stem)
        return RunFolder.write(place, config.to_dict(), metrics, None, overwrite=overwrite)


def plan(config: RunConfig | TuneConfig | CompareConfig, workers: int | None = None) -> WorkPlan:
    """Say what a command would do; nothing is written.

    Args:
        config: What is asked for.
        workers: Number of processes; as many as there are processors if unset.

    Returns:
        The plan.
    """
    start = starting_model(config)
    task = config.load()
    return plan_work(
        task,
        task_groups(task, config.minimum_group_size),
        config,
        dict(describe(config.data)),
        start=start,
        workers=workers or os.cpu_count() or 1,
    )


def _load_task(
    config: RunConfig | TuneConfig | CompareConfig, on_rows: OnCount, checkpoints: Checkpoints
) -> TableTask:
    """Load the data, and tune the encoder of texts first if that is asked for.

    Returns:
        The task.

    Raises:
        ArgumentError: If an encoder is to be tuned for several splits at once.
    """
    if not config.layers:
        return config.load(on_rows)
    seeds = 1 if isinstance(config, TuneConfig) else config.seeds
    if seeds > 1:
        raise ArgumentError(
            "seeds",
            seeds,
            "1 with layers, because the encoder is tuned on the training rows of one split",
            "Use --seeds 1 --first-seed N for each N.",
        )
    from fairfactor.studies.tuned_texts import tuned_text_task

    return tuned_text_task(
        config,
        config.request(on_rows),
        seed=config.seed if isinstance(config, TuneConfig) else config.first_seed,
        minimum_group_size=config.minimum_group_size,
        checkpoints=checkpoints,
    )


def _as_progress(on_progress: Callable[[str, float], None] | None) -> OnCount:
    """Tell of features in the way of a tuning."""
    return lambda done, total: on_progress("Features", done / total) if on_progress else None


def _checkpoints(command: str, config: TableSettings, out: Path | None) -> Checkpoints:
    """The place beside the run folder for finished parts of this very work."""
    named = [config.data] if config.is_file else []
    named += [name for name in (config.weights, config.model, config.labels) if name]
    files = [
        file
        for path in map(Path, named)
        for file in ([path] if path.is_file() else sorted(path.rglob("model.safetensors")))
    ]
    parent = RUNS if out is None else out.resolve().parent
    return Checkpoints.of(parent, {"command": command, **config.to_dict()}, *files)


def _complete(
    metrics: dict[str, Any], config: TableSettings, task: TableTask, groups: Groups
) -> dict[str, Any]:
    """Add what the columns of a table of the user's own give away."""
    if not config.is_file or config.is_extracted:
        return metrics
    return with_leakage(metrics, task, measure_leakage(task, groups))


def _stem(data: str) -> str:
    """Name of a data set as a folder: a file's without what follows the first point."""
    return Path(data).name.partition(".")[0] or "table"
