"""The documentation builds without a warning, and its pages ask for nothing from the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytest.importorskip("material", reason="make docs installs mkdocs-material")
pytest.importorskip("mkdocstrings", reason="make docs installs mkdocstrings")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    built = {path.stem for path in site.glob("*.html")}
    assert built - {"404"} == {path.stem for path in (ROOT / "docs").glob("*.md")}


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(
            r"<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=\"([^\"]+)", text
        )
        assert loaded
        assert not [url for url in loaded if re.match(r"(?:https?:)?//", url)], page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?https?:|@import", sheet.read_text(encoding="utf-8"))


def test_links_between_pages_lead_somewhere(site: Path) -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    for name, text in pages.items():
        for target, anchor in re.findall(r'href="([\w-]+\.html)?#([\w.-]+)"', text):
            assert f'id="{anchor}"' in pages[target or name], f"{name}: {target}#{anchor}"


def test_the_api_has_the_estimator_with_its_parameters(site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")
    assert 'id="fairfactor.estimator.FairFactorClassifier.fit"' in text
    assert "validation_fraction" in text
