from __future__ import annotations

from tests.studies.adult import AdultRun

from fairfactor.kept_models import backbone_model, chosen_model, kept_model
from fairfactor.studies.tuning import Tuning
from fairfactor.tune_config import TuneConfig


def test_the_kept_model_is_that_of_the_last_method_and_first_seed(adult_run: AdultRun) -> None:
    model = kept_model(adult_run.comparison)
    assert model.origin == {"method": "head-tuning", "rank": None, "seed": 0}
    assert model.widths == (13, 20, 20, 2)
    assert model.class_names == ("<=50K", ">50K")
    assert "sex" not in model.encoder.feature_names


def test_the_backbone_of_a_tuning_is_kept_without_mitigation(tuning: Tuning) -> None:
    config = TuneConfig(constraint=("equalized_odds<=0.2",), seed=3)
    chosen, backbone = chosen_model(tuning, config), backbone_model(tuning, config)
    assert chosen.model.cell_model is tuning.tuned.chosen.cell_model
    assert chosen.origin["constraints"] == ["equalized_odds<=0.2"]
    assert backbone.model is tuning.problem.backbone
    assert backbone.origin == {"recipe": "unmitigated", "seed": 3}
    assert backbone.groups is None
    assert (backbone.encoder, backbone.widths) == (chosen.encoder, chosen.widths)
