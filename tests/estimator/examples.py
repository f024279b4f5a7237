"""People and a quick classifier for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tests.studies.examples import FROZEN, hiring_frame

from fairfactor.estimator import FairFactorClassifier


def people(rows: int = 800, seed: int = 0) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Inputs, who was hired (1 or 0), and the sex of each, which ``club`` tells much about."""
    source = np.random.default_rng(seed)
    sex = source.choice(["f", "m"], rows)
    skill = source.normal(np.where(sex == "m", 1.0, 0.0), 1.0)
    town = source.choice(["A", "B", "C"], rows)
    club = np.where(source.random(rows) < 0.85, np.where(sex == "m", "chess", "choir"), "none")
    hired = skill + (town == "A") + source.normal(0, 0.7, rows) > 0.8
    frame = pd.DataFrame({"skill": skill, "town": town, "club": club})
    return frame, pd.Series(hired.astype(int), name="hired"), pd.Series(sex, name="sex")


def levels(rows: int = 900) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Three classes, and two sensitive features of three and two values."""
    source = np.random.default_rng(1)
    frame = hiring_frame(rows).drop(columns="hired")
    team = source.choice(["a", "b", "c"], rows)
    score = frame["skill"] + 0.4 * (team == "c") + source.normal(0, 0.5, rows)
    level = np.array(["low", "mid", "top"])[np.digitize(score, [-0.3, 0.7])]
    sensitive = pd.DataFrame({"team": team, "sex": frame.pop("sex")})
    return frame, pd.Series(level, name="level"), sensitive


def quick(**changes: object) -> FairFactorClassifier:
    """A small network and recipes that train no other."""
    values: dict[str, object] = {"hidden": (8, 6), "recipes": FROZEN, "random_state": 0}
    return FairFactorClassifier(**(values | changes))
