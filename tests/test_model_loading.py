from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.studies.adult import AdultRun
from torch import nn

from fairfactor.data.adult import load_adult
from fairfactor.errors import ArgumentError, SavedModelError
from fairfactor.model_loading import load_starting_model, load_table_model
from fairfactor.run_folder import RunFolder


class TestLoadTableModel:
    @pytest.mark.parametrize("place", [".", "model"])
    def test_from_a_run_or_its_model_folder(self, adult_run: AdultRun, place: str) -> None:
        loaded = load_table_model(adult_run.folder.path / place)
        rows = load_adult().iloc[:1000]
        np.testing.assert_array_equal(loaded.scores(rows), adult_run.model.scores(rows))

    @pytest.mark.parametrize("missing", ["model", "manifest.json"])
    def test_half_a_run_is_refused(self, adult_run: AdultRun, tmp_path: Path, missing: str) -> None:
        shutil.copytree(adult_run.folder.path, tmp_path / "run")
        path = tmp_path / "run" / missing
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        with pytest.raises(SavedModelError, match=f"{missing}.* cannot be read"):
            load_table_model(tmp_path / "run")

    def test_a_place_without_a_model_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SavedModelError, match="cannot be read"):
            load_table_model(tmp_path / "nothing")

    def test_a_comparison_has_no_model_to_load(self, peers_folder: RunFolder) -> None:
        with pytest.raises(SavedModelError, match="keeps no model"):
            load_table_model(peers_folder.path)


class TestLoadStartingModel:
    def test_a_run_of_the_papers_method_can_be_started_from(self, adult_run: AdultRun) -> None:
        start = load_starting_model(str(adult_run.folder.path))
        inputs = torch.randn(7, start.network[0].in_features)
        expected = adult_run.folder.load_model().model(inputs)
        torch.testing.assert_close(start.network(inputs), expected)
        assert all(type(layer) in {nn.Linear, nn.ReLU} for layer in start.network)

    @pytest.mark.parametrize("name", ["nowhere", "adult"])
    def test_a_name_that_is_neither_is_refused(self, name: str) -> None:
        with pytest.raises(ArgumentError, match=r"expected a run folder, or module:function"):
            load_starting_model(name)

    def test_a_folder_of_hugging_face_is_refused_with_a_way_out(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
        with pytest.raises(
            ArgumentError, match=r"this is a bert model of Hugging Face.*factorize_mod"
        ):
            load_starting_model(str(tmp_path))

    def test_without_a_name_there_is_none(self) -> None:
        assert load_starting_model(None) is None
