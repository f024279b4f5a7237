"""What `import fairfactor` costs, and that its public names are there."""

import json
import subprocess
import sys

import fairfactor

HEAVY = ("pandas", "sklearn", "scipy", "typer", "rich", "jinja2", "peft", "transformers")


def test_import_brings_no_heavy_package():
    """The five boxes stand on torch, numpy and safetensors alone."""
    boxes = "importance, neutralize, factorize, surgery, finetune, features, methods, pipeline"
    code = (
        f"import fairfactor, json, sys; from fairfactor import {boxes}; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stderr == ""
    loaded = json.loads(done.stdout)
    assert "torch" in loaded
    assert not set(HEAVY) & set(loaded)


def test_every_public_name_exists():
    for name in fairfactor.__all__:
        assert getattr(fairfactor, name).__doc__
    assert fairfactor.__all__ == sorted(fairfactor.__all__)
