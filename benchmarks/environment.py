"""The machine and the versions that a result was measured with."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch


def describe_environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
