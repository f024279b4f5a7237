from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.studies.adult import AdultRun

from fairfactor import run_folder
from fairfactor.errors import ArgumentError, FairfactorError, SavedModelError
from fairfactor.report import render_report
from fairfactor.run_folder import RunFolder, next_free, require_free
from fairfactor.surgery.saved_config import sha256

FILES = {"config.json", "metrics.json", "report.html", "manifest.json", "model"}


@pytest.fixture
def folder(adult_run: AdultRun, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    shutil.copytree(adult_run.folder.path, tmp_path / "run")
    return tmp_path / "run"


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def edit(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def accept_changes(folder: Path) -> None:
    """Write a manifest for the files as they are, as another version would have."""
    checked = ("config.json", "metrics.json", "model/config.json")
    digests = {name: sha256((folder / name).read_bytes()) for name in checked}
    (folder / "manifest.json").write_text(json.dumps(digests))


def rewrite(
    run: AdultRun, path: Path, *, overwrite: bool = False, metrics: dict | None = None
) -> RunFolder:
    content = metrics or run.folder.metrics
    return RunFolder.write(path, run.folder.config, content, run.model, overwrite=overwrite)


class TestWrite:
    def test_all_files_are_there_and_complete(self, adult_run: AdultRun) -> None:
        folder = adult_run.folder
        assert names(folder.path) == FILES
        assert names(folder.path / "model") == {"README.md", "config.json", "model.safetensors"}
        assert names(folder.path.parent) == {"run"}
        assert folder.config == adult_run.comparison.config.to_dict()
        assert [method["id"] for method in folder.metrics["methods"]] == [
            "neutralized-rank-1",
            "head-tuning",
        ]
        page = folder.report.read_text(encoding="utf-8")
        assert page == render_report(folder.metrics, folder.config)
        assert set(json.loads((folder.path / "manifest.json").read_text())) == {
            "config.json",
            "metrics.json",
            "model/config.json",
        }

    def test_a_run_may_keep_no_model(self, adult_run: AdultRun, tmp_path: Path) -> None:
        config, metrics = adult_run.folder.config, adult_run.folder.metrics
        RunFolder.write(tmp_path / "run", config, metrics, None)
        assert names(tmp_path / "run") == FILES - {"model"}
        run = RunFolder.open(tmp_path / "run")
        assert run.metrics == metrics
        with pytest.raises(SavedModelError, match=r"keeps no model.*fairfactor tune wrote"):
            run.load_model()

    def test_a_tuning_is_written_with_its_model(self, tuning_folder: RunFolder) -> None:
        assert names(tuning_folder.path) == FILES | {"backbone"}
        run = RunFolder.open(tuning_folder.path)
        assert run.metrics["kind"] == "tuning"
        assert run.load_model().origin["met"] is True

    def test_a_comparison_with_peers_is_written_without_one(self, peers_folder: RunFolder) -> None:
        assert names(peers_folder.path) == FILES - {"model"}
        run = RunFolder.open(peers_folder.path)
        assert run.metrics["kind"] == "peers"
        before = run.report.read_bytes()
        assert run.render().read_bytes() == before
        with pytest.raises(SavedModelError, match="keeps no model, as a comparison with peers"):
            run.load_model()

    def test_an_error_leaves_nothing_behind(self, adult_run: AdultRun, tmp_path: Path) -> None:
        with pytest.raises(SavedModelError, match=r"metrics\.json"):
            rewrite(adult_run, tmp_path / "run", metrics={"format": 1})
        assert names(tmp_path) == set()

    def test_nan_is_never_written(self, adult_run: AdultRun, tmp_path: Path) -> None:
        content = adult_run.folder.metrics
        content["seconds"]["total"] = float("nan")
        with pytest.raises(ValueError, match="JSON compliant"):
            rewrite(adult_run, tmp_path / "run", metrics=content)
        assert names(tmp_path) == set()

    def test_an_older_run_is_replaced_only_when_asked(
        self, adult_run: AdultRun, folder: Path
    ) -> None:
        content = adult_run.folder.metrics
        content["verdict"]["headline"] = "Another verdict."
        with pytest.raises(ArgumentError, match=r"^folder=.*it holds 'config\.json'"):
            rewrite(adult_run, folder, metrics=content)
        assert RunFolder.open(folder).metrics == adult_run.folder.metrics
        rewrite(adult_run, folder, overwrite=True, metrics=content)
        assert RunFolder.open(folder).metrics == content
        assert names(folder.parent) == {"run"}

    def test_a_failed_replacement_keeps_the_older_run(
        self, adult_run: AdultRun, folder: Path
    ) -> None:
        with pytest.raises(SavedModelError):
            rewrite(adult_run, folder, overwrite=True, metrics={"format": 1})
        assert RunFolder.open(folder).metrics == adult_run.folder.metrics
        assert names(folder.parent) == {"run"}

    def test_other_files_are_never_deleted(self, adult_run: AdultRun, folder: Path) -> None:
        (folder / "notes.txt").touch()
        with pytest.raises(ArgumentError, match=r"holds 'notes\.txt'"):
            rewrite(adult_run, folder, overwrite=True)
        assert (folder / "notes.txt").exists()


class TestOpen:
    def test_an_unchanged_run_opens_under_another_name(self, folder: Path) -> None:
        moved = folder.rename(folder.with_name("moved"))
        assert RunFolder.open(moved).load_model().target == "income"

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("config.json", lambda config: config.update(seeds=2)),
            (
                "metrics.json",
                lambda metrics: metrics["methods"][0]["seeds"][0].update(accuracy=0.99),
            ),
            ("model/config.json", lambda config: config["extra"]["widths"].__setitem__(1, 21)),
        ],
    )
    def test_one_changed_number_is_found(self, folder: Path, name: str, change) -> None:
        edit(folder / name, change)
        with pytest.raises(SavedModelError, match=rf"{name} was changed after the run.*SHA-256"):
            RunFolder.open(folder)

    @pytest.mark.parametrize("name", sorted(FILES - {"report.html", "model"}))
    def test_a_missing_file_is_named(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        with pytest.raises(SavedModelError, match=rf"{name} cannot be read .*fairfactor run wrote"):
            RunFolder.open(folder)

    @pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\x00", '{"a": 1} {'])
    def test_a_manifest_that_is_not_json(self, folder: Path, content: str) -> None:
        (folder / "manifest.json").write_text(content)
        with pytest.raises(SavedModelError, match=r"manifest\.json is not JSON"):
            RunFolder.open(folder)

    def test_a_manifest_in_another_encoding(self, folder: Path) -> None:
        (folder / "manifest.json").write_bytes(b"\xff\xfe\xfa")
        with pytest.raises(SavedModelError, match=r"manifest\.json is not JSON"):
            RunFolder.open(folder)

    def test_a_manifest_that_is_no_object(self, folder: Path) -> None:
        (folder / "manifest.json").write_text("[1]")
        with pytest.raises(SavedModelError, match=r"manifest\.json holds no JSON object"):
            RunFolder.open(folder)

    @pytest.mark.parametrize("kind", ["nothing", "file", "empty"])
    def test_a_place_without_a_run(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "place"
        if kind == "file":
            path.touch()
        elif kind == "empty":
            path.mkdir()
        with pytest.raises(SavedModelError, match=r"place/manifest\.json cannot be read"):
            RunFolder.open(path)


class TestUse:
    def test_the_report_is_rendered_again(self, folder: Path) -> None:
        run = RunFolder.open(folder)
        before = run.report.read_bytes()
        run.report.write_text("overwritten by mistake")
        assert run.render() == folder / "report.html"
        assert run.report.read_bytes() == before
        RunFolder.open(folder)

    def test_results_of_another_format_are_refused(self, folder: Path) -> None:
        edit(folder / "metrics.json", lambda metrics: metrics.update(format=2))
        accept_changes(folder)
        run = RunFolder.open(folder)
        for read in (lambda: run.metrics, run.render):
            with pytest.raises(SavedModelError, match=r"metrics\.json has format 2.*reads 1"):
                read()

    def test_a_model_of_another_format_is_refused(self, folder: Path) -> None:
        edit(folder / "model" / "config.json", lambda config: config.update(format_version=2))
        accept_changes(folder)
        with pytest.raises(SavedModelError, match=r"config\.json: format_version is 2"):
            RunFolder.open(folder).load_model()

    def test_one_changed_weight_is_found(self, folder: Path) -> None:
        path = folder / "model" / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(SavedModelError, match=r"model\.safetensors was altered"):
            RunFolder.open(folder).load_model()

    @pytest.mark.parametrize("size", [0, 4, 100, -1])
    def test_cut_off_tensors_are_refused(self, folder: Path, size: int) -> None:
        path = folder / "model" / "model.safetensors"
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(SavedModelError, match=r"model\.safetensors cannot be read"):
            RunFolder.open(folder).load_model()


class TestRequireFree:
    def test_new_and_empty_places_are_free(self, tmp_path: Path) -> None:
        for overwrite in (False, True):
            require_free(tmp_path / "new" / "run", overwrite=overwrite)
            require_free(tmp_path, overwrite=overwrite)
        assert names(tmp_path) == set()

    def test_an_older_run_is_free_only_with_overwrite(self, folder: Path) -> None:
        with pytest.raises(ArgumentError, match=r"^out=.*without an older run.*--overwrite"):
            require_free(folder, overwrite=False)
        require_free(folder, overwrite=True)
        assert names(folder) == FILES

    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize("name", ["notes.txt", "config.json", "model"])
    def test_anything_else_is_refused(self, tmp_path: Path, name: str, overwrite: bool) -> None:
        """A folder without a manifest is not a run, whatever the names of its files."""
        (tmp_path / name).touch()
        with pytest.raises(ArgumentError, match=rf"^out=.*this one holds '{name}'"):
            require_free(tmp_path, overwrite=overwrite)

    def test_a_run_with_other_files_is_refused(self, folder: Path) -> None:
        (folder / "notes.txt").touch()
        with pytest.raises(ArgumentError, match=r"^out=.*this one holds 'notes\.txt'"):
            require_free(folder, overwrite=True)

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(FairfactorError, match="is a file"):
            require_free(tmp_path / "file", overwrite=True)

    def test_too_little_space_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run_folder, "BYTES_NEEDED", 10**18)
        with pytest.raises(ArgumentError, match="bytes of free space"):
            require_free(tmp_path / "run", overwrite=False)


def test_the_next_free_name_is_counted(tmp_path: Path) -> None:
    assert next_free(tmp_path / "runs", "adult") == tmp_path / "runs" / "adult-001"
    (tmp_path / "adult-001").mkdir()
    (tmp_path / "adult-002").touch()
    (tmp_path / "adult-004").mkdir()
    assert next_free(tmp_path, "adult") == tmp_path / "adult-003"
