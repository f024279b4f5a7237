from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from tests.report.markup import HOSTILE, with_every_text
from tests.studies.adult import AdultRun
from tests.studies.examples import hiring_frame

from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.report import render_card
from fairfactor.report.card import with_interval
from fairfactor.report.run import NO_ESTIMATE, Estimate
from fairfactor.run_folder import RunFolder

SECTIONS = [
    "What the model is",
    "Intended use",
    "Data",
    "Results",
    "Constraints",
    "Limits",
    "How to use it",
    "How to make it again",
]
ATTACK = HOSTILE + " | *a* [b](http://c) ![d](e) `f` ```\n# g\n- h\n---\n@i www.j.k"


@pytest.fixture(scope="module")
def card(tuning_folder: RunFolder) -> str:
    return tuning_folder.card.read_text(encoding="utf-8")


def split(card: str) -> tuple[str, str]:
    """Front matter and text."""
    empty, front, text = card.split("---\n", 2)
    assert empty == ""
    return front, text


def parsed(card: str) -> list[Any]:
    """Every token of the text, those inside of lines too."""
    found = MarkdownIt("commonmark").enable("table").parse(split(card)[1])
    return [one for token in found for one in (token, *(token.children or ()))]


def headings(card: str) -> list[str]:
    tokens = parsed(card)
    return [
        tokens[i + 1].content
        for i, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2"
    ]


class TestContent:
    def test_every_run_with_a_model_has_one_beside_it(
        self, tuning_folder: RunFolder, adult_run: AdultRun
    ) -> None:
        for folder in (tuning_folder, adult_run.folder):
            assert folder.card == folder.path / "model" / "README.md"
            text = folder.card.read_text(encoding="utf-8")
            assert text == render_card(folder.metrics, folder.config)
            assert headings(text) == SECTIONS

    def test_what_people_look_for_is_there(self, card: str, tuning_folder: RunFolder) -> None:
        text = split(card)[1]
        assert text.count("**To fill in:**") == 4
        for phrase in ("not needed", "undecided", "Wilson", "to fill in", "Not a certificate"):
            assert phrase in text
        point = tuning_folder.metrics["points"][tuning_folder.metrics["chosen"]]
        accuracy, gap = (
            point["test"][key] for key in ("accuracy", "demographic_parity_difference")
        )
        for estimate in (accuracy, gap, point["groups"][0]["selection_rate"]):
            value, low, high = (f"{estimate[key]:.3f}" for key in ("value", "low", "high"))
            assert f"| {value} ({low} to {high}) |" in text
        assert "fairfactor tune \\\n" in text

    def test_the_path_of_the_data_is_not_told(self, card: str, people: Path) -> None:
        assert str(people.parent) not in card
        assert "--data people.csv" in card

    def test_no_row_is_in_it(self, card: str) -> None:
        for value in hiring_frame()["skill"].head(50):
            assert f"{value:.4f}" not in card

    def test_a_model_that_asks_for_groups_says_so(self, tuning_folder: RunFolder) -> None:
        metrics = tuning_folder.metrics
        metrics["points"][metrics["chosen"]]["groups_at_prediction"] = True
        assert "**needed.** The model asks for sex of every row" in render_card(metrics, {})

    def test_a_sensitive_input_is_named(self, tuning_folder: RunFolder) -> None:
        metrics = tuning_folder.metrics
        metrics["data"]["features"].append("sex")
        assert "Inputs of the model among them: sex" in render_card(metrics, {})

    def test_small_groups_and_proxies_are_named(self, card: str) -> None:
        assert "Fewer than 100 test rows: f (" in card
        assert "area under the ROC curve" in card

    def test_a_network_of_the_users_own_needs_its_factory(self, tuning_folder: RunFolder) -> None:
        metrics = tuning_folder.metrics
        card = render_card(metrics, {"model": "nets:build it"})
        assert "--factory 'nets:build it'" in card
        assert "factory='nets:build it'" in card
        for folder in ("runs/a", "C:\\runs\\a", None):
            assert "factory" not in render_card(metrics, {"model": folder}).partition("## Make")[0]

    def test_its_python_predicts(
        self, card: str, tuning_folder: RunFolder, people: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        [code] = [token.content for token in parsed(card) if token.info == "python"]
        code = code.replace('"FOLDER"', repr(str(tuning_folder.path)))
        exec(code.replace('"people.csv"', repr(str(people))), {})
        assert "prediction" in capsys.readouterr().out

    def test_a_run_without_a_model_has_no_card(self, peers_folder: RunFolder) -> None:
        with pytest.raises(SavedModelError, match="keeps no model"):
            peers_folder.write_card()

    def test_undefined_metrics_are_not_in_the_front_matter(self, tuning_folder: RunFolder) -> None:
        metrics = tuning_folder.metrics
        cells = metrics["kept"]["test_counts"]
        metrics["kept"] = {"groups": ["f"], "test_counts": cells[:1]}
        front, text = split(render_card(metrics, {}))
        assert "demographic_parity_difference" not in front
        assert '"accuracy"' in front
        assert "| Demographic parity difference | — |" in text


class TestHub:
    def test_the_front_matter_is_yaml_with_these_results(
        self, card: str, tuning_folder: RunFolder
    ) -> None:
        yaml = pytest.importorskip("yaml")
        data = yaml.safe_load(split(card)[0])
        results = data["model-index"][0]["results"][0]
        values = {one["type"]: one["value"] for one in results["metrics"]}
        point = tuning_folder.metrics["points"][tuning_folder.metrics["chosen"]]
        assert values["accuracy"] == point["test"]["accuracy"]["value"]
        assert data["library_name"] == "fairfactor"

    def test_the_hubs_own_library_reads_it(self, card: str) -> None:
        """``pip install huggingface_hub`` runs it."""
        hub = pytest.importorskip("huggingface_hub")
        data = hub.ModelCard(card, ignore_metadata_errors=False).data
        assert {result.metric_type for result in data.eval_results} >= {"accuracy"}
        assert all(result.dataset_name == "people.csv" for result in data.eval_results)


@pytest.fixture(scope="module")
def attacked(tuning_folder: RunFolder) -> str:
    """A card in which every text is an attack, but for the constraints that are parsed."""
    metrics = with_every_text(tuning_folder.metrics, ATTACK)
    metrics["constraints"] = copy.deepcopy(tuning_folder.metrics["constraints"])
    metrics["data"]["sensitive_features"] = ["\x85\u2028", ATTACK]
    return render_card(metrics, {"target": ATTACK, "sensitive": [ATTACK, "````"]})


class TestEscaping:
    def test_no_text_becomes_anything_but_text(self, attacked: str, card: str) -> None:
        kinds = {token.type for token in parsed(attacked)}
        assert not kinds & {"html_inline", "html_block", "link_open", "image", "em_open"}
        assert headings(attacked) == SECTIONS

        def count(text: str, kind: str) -> int:
            return sum(token.type == kind for token in parsed(text))

        for kind in ("fence", "table_open", "bullet_list_open", "code_block", "hr"):
            assert count(attacked, kind) == count(card, kind), kind

    def test_every_table_keeps_its_columns(self, attacked: str) -> None:
        tokens = parsed(attacked)
        widths = []
        for token in tokens:
            if token.type == "tr_open":
                widths.append(0)
            elif token.type in {"td_open", "th_open"}:
                widths[-1] += 1
        assert set(widths) <= {3, 4, 5, 7}

    def test_the_text_is_still_readable(self, attacked: str) -> None:
        read = "".join(token.content for token in parsed(attacked) if token.type == "text")
        assert " ".join(HOSTILE.split()) in read

    def test_the_front_matter_is_still_yaml(self, attacked: str) -> None:
        yaml = pytest.importorskip("yaml")
        data = yaml.safe_load(split(attacked)[0])
        assert data["model-index"][0]["results"][0]["dataset"]["name"] == ATTACK
        assert set(data) == {"library_name", "pipeline_tag", "tags", "model-index"}


class TestWriteAgain:
    @pytest.fixture
    def run(self, tuning_folder: RunFolder, tmp_path: Path) -> RunFolder:
        metrics, config = tuning_folder.metrics, tuning_folder.config
        return RunFolder.write(tmp_path / "run", config, metrics, tuning_folder.load_model())

    def test_an_edited_card_is_not_lost(self, run: RunFolder) -> None:
        before = run.card.read_text(encoding="utf-8")
        run.card.write_text(before.replace("**To fill in:**", "For nurses:"), encoding="utf-8")
        with pytest.raises(ArgumentError, match=r"^out=.*edited.*--overwrite"):
            run.write_card()
        assert "For nurses" in run.card.read_text(encoding="utf-8")
        assert run.write_card(overwrite=True).read_text(encoding="utf-8") == before
        RunFolder.open(run.path).load_model()

    def test_an_older_folder_gets_one(self, run: RunFolder, tmp_path: Path) -> None:
        before = run.card.read_bytes()
        run.card.unlink()
        opened = RunFolder.open(run.path)
        assert opened.load_model().target == "hired"
        assert opened.write_card().read_bytes() == before
        assert opened.write_card(tmp_path / "card.md").read_bytes() == before

    def test_an_older_run_without_counts_is_refused(self, run: RunFolder) -> None:
        metrics = run.metrics
        del metrics["kept"]
        with pytest.raises(SavedModelError, match="test rows were counted"):
            render_card(metrics, run.config)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (None, "—"),
        (NO_ESTIMATE, "—"),
        (Estimate(0.1234, 0.1, 0.2), "0.123 (0.100 to 0.200)"),
        (Estimate(0.1234, 0.1, None), "0.123 (0.100 to ∞)"),
    ],
)
def test_an_estimate_in_one_line(estimate: Estimate | None, text: str) -> None:
    assert with_interval(estimate) == text


def test_the_card_of_a_damaged_file_is_an_error_of_ours(tuning_folder: RunFolder) -> None:
    for damage in ({"groups": ["f"]}, {"groups": ["f"], "test_counts": [["x"]]}, {}):
        metrics = json.loads(json.dumps(tuning_folder.metrics))
        metrics["kept"] = damage
        with pytest.raises(SavedModelError):
            render_card(metrics, {})
