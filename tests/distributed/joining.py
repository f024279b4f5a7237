"""How a process of the tests joins the others."""

from datetime import timedelta
from pathlib import Path

from torch import distributed

from fairfactor.distributed import Processes


def join(rank: int, number: int, folder: Path) -> Processes:
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'init'}",
        rank=rank,
        world_size=number,
        timeout=timedelta(seconds=60),
    )
    return Processes.started()
