"""Figures of runs of every kind, as files."""

from __future__ import annotations

import copy
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.report.example import example_metrics
from tests.report.example_peers import example_peers
from tests.report.example_tuning import example_tuning
from tests.report.markup import HOSTILE, with_every_text

from fairfactor.errors import FairfactorError, SavedModelError
from fairfactor.report.figures import write
from fairfactor.report.figures.sheet import style
from fairfactor.report.figures.sheets import figure_sheets
from fairfactor.report.figures.write import to_png, write_figures

SVG = "{http://www.w3.org/2000/svg}"
EXAMPLES = {"methods": example_metrics, "tuning": example_tuning, "peers": example_peers}


@pytest.fixture(params=EXAMPLES)
def metrics(request: pytest.FixtureRequest) -> dict[str, Any]:
    return EXAMPLES[request.param]()


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_figures_of_each_kind() -> None:
    names = {kind: [s.name for s in figure_sheets(make())] for kind, make in EXAMPLES.items()}
    assert names["methods"] == ["methods", "methods-all-metrics", "rates-before-after"]
    assert names["tuning"][0] == "frontier-equalized-odds-difference-worst-case-validation"
    assert names["tuning"][-1] == "rates-before-after"
    assert all(name.startswith("peers-") for name in names["peers"])
    for found in names.values():
        assert len(found) == len(set(found))


def test_a_figure_stands_alone(metrics: dict[str, Any]) -> None:
    for sheet in figure_sheets(metrics):
        svg = sheet.to_svg()
        root = ET.fromstring(svg)
        assert root.tag == f"{SVG}svg"
        assert root.findtext(f"{SVG}title")
        background = root.find(f"{SVG}rect")
        assert background is not None
        assert background.get("fill") == "#fff"
        for forbidden in ("var(", "light-dark", "color-mix", "url(", "href", "@import"):
            assert forbidden not in svg
        assert svg.count("http") == 1


def test_rates_before_and_after_are_written_out() -> None:
    metrics = example_tuning()
    (sheet,) = (s for s in figure_sheets(metrics) if s.name == "rates-before-after")
    found = texts(sheet.to_svg())
    after = metrics["points"][metrics["chosen"]]["groups"]
    for was, now in zip(metrics["unmitigated"]["groups"], after, strict=True):
        for rate in ("selection_rate", "accuracy"):
            assert f"{was[rate]['value']:.3f} → {now[rate]['value']:.3f}" in found


def test_methods_are_named_with_their_means() -> None:
    metrics = example_metrics()
    found = texts(figure_sheets(metrics)[0].to_svg())
    for method in metrics["methods"]:
        assert any(method["label"].startswith(text.rstrip("…")) for text in found if text)
        assert f"{method['summary']['demographic_parity_difference']['mean']:.3f}" in found


def test_a_picture_of_peers_lists_the_methods_that_it_shows() -> None:
    for sheet in figure_sheets(example_peers()):
        numbers = {
            element.text
            for element in ET.fromstring(sheet.to_svg()).iter(f"{SVG}text")
            if element.get("class") == "number"
        }
        assert {note.partition(":")[0] for note in sheet.notes} == numbers


@pytest.mark.parametrize("met", [True, False])
def test_runs_without_a_choice_or_with_many_groups(met: bool) -> None:
    many = example_tuning(groups=[f"Group {n}" for n in range(40)], met=met)
    for sheet in figure_sheets(many):
        ET.fromstring(sheet.to_svg())
    none = example_tuning() | {"chosen": None}
    assert "rates-before-after" not in [sheet.name for sheet in figure_sheets(none)]


def test_hostile_texts_stay_texts(metrics: dict[str, Any]) -> None:
    hostile = with_every_text(metrics, HOSTILE + "\x00\x1b")
    for sheet in figure_sheets(copy.deepcopy(hostile)):
        root = ET.fromstring(sheet.to_svg())
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert tags <= {
            "svg", "title", "style", "g", "rect", "text", "line", "path", "circle",
        }  # fmt: skip


def test_the_style_has_a_colour_for_every_series() -> None:
    assert all(f".series-{number}.mark" in style() for number in range(7))


class TestWrite:
    def test_without_the_package_there_is_svg_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(write, "PNG_PACKAGE", "a_package_that_there_is_not")
        written = write_figures(example_metrics(), tmp_path / "new" / "figures")
        assert not written.png
        assert [path.suffix for path in written.files] == [".svg"] * 3
        assert all(path.is_file() for path in written.files)

    def test_png_has_three_times_the_pixels(self, tmp_path: Path) -> None:
        """``pip install 'fairfactor[figures]'`` runs it."""
        pytest.importorskip("resvg_py")
        written = write_figures(example_metrics(), tmp_path)
        svg, png = written.files[:2]
        width = float(ET.fromstring(svg.read_text(encoding="utf-8")).get("width", "0"))
        head = png.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">I", head[16:20])[0] == pytest.approx(3 * width, abs=3)

    def test_colours_are_drawn(self) -> None:
        """A style sheet that the drawing package does not understand would leave all black."""
        pytest.importorskip("resvg_py")
        sheet = figure_sheets(example_metrics())[0]
        svg = sheet.to_svg()
        assert to_png(svg) != to_png(svg.replace("#0069a8", "#ff0000"))

    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        write_figures(example_metrics(), tmp_path)
        write_figures(example_metrics(), tmp_path)
        assert (tmp_path / "notes.txt").read_text() == "mine"

    def test_a_file_in_the_way_is_an_error_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "figures").touch()
        with pytest.raises(FairfactorError, match="is a file"):
            write_figures(example_metrics(), tmp_path / "figures")

    def test_an_unknown_kind(self, tmp_path: Path) -> None:
        with pytest.raises(SavedModelError, match="'kind'"):
            write_figures({"kind": "x"}, tmp_path)
