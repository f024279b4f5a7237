"""Adult and Census-Income in the columns that both have: pre-train on one, fine-tune on the other.

Both come from the Current Population Survey of 1994 and 1995, so some people may be in both: this
shows what fine-tuning does, not how a network fares with another population. Sex and race are kept
as sensitive columns. Adult's hours a week and relationship, and what only Census-Income has, are
left out. Of Census-Income the people with an occupation are kept, as in Adult's complete rows.
"""

from __future__ import annotations

import pandas as pd

from fairfactor.data.adult import load_adult
from fairfactor.data.census_income import load_census_income
from fairfactor.data.task import TableTask

TARGET = "income"
POSITIVE = "above 50,000"

_WORKER = {
    "Private": "private",
    "Self-emp-not-inc": "self-employed",
    "Self-emp-inc": "incorporated",
    "Local-gov": "local",
    "State-gov": "state",
    "Federal-gov": "federal",
    "Without-pay": "without pay",
    "Self-employed-not incorporated": "self-employed",
    "Self-employed-incorporated": "incorporated",
    "Local government": "local",
    "State government": "state",
    "Federal government": "federal",
    "Without pay": "without pay",
    "Never worked": "without pay",
    "Not in universe": "without pay",
}
_SCHOOLING = {
    "Less than 1st grade": 1,
    "1st 2nd 3rd or 4th grade": 2,
    "5th or 6th grade": 3,
    "7th and 8th grade": 4,
    "9th grade": 5,
    "10th grade": 6,
    "11th grade": 7,
    "12th grade no diploma": 8,
    "High school graduate": 9,
    "Some college but no degree": 10,
    "Associates degree-occup /vocational": 11,
    "Associates degree-academic program": 12,
    "Bachelors degree(BA AB BS)": 13,
    "Masters degree(MA MS MEng MEd MSW MBA)": 14,
    "Prof school degree (MD DDS DVM LLB JD)": 15,
    "Doctorate degree(PhD EdD)": 16,
}
_MARITAL = {
    "Married-civilian spouse present": "Married-civ-spouse",
    "Never married": "Never-married",
    "Married-spouse absent": "Married-spouse-absent",
    "Married-A F spouse present": "Married-AF-spouse",
}
_OCCUPATION = {
    "Adm support including clerical": "Adm-clerical",
    "Professional specialty": "Prof-specialty",
    "Executive admin and managerial": "Exec-managerial",
    "Other service": "Other-service",
    "Precision production craft & repair": "Craft-repair",
    "Machine operators assmblrs & inspctrs": "Machine-op-inspct",
    "Handlers equip cleaners etc ": "Handlers-cleaners",
    "Handlers equip cleaners etc": "Handlers-cleaners",
    "Transportation and material moving": "Transport-moving",
    "Farming forestry and fishing": "Farming-fishing",
    "Technicians and related support": "Tech-support",
    "Protective services": "Protective-serv",
    "Private household services": "Priv-house-serv",
    "Armed Forces": "Armed-Forces",
}


def shared_adult() -> TableTask:
    """Adult's complete rows in the shared columns.

    Returns:
        The task, sensitive by sex.
    """
    frame = load_adult()
    return _task(
        frame,
        worker=frame["workclass"].map(_WORKER),
        schooling=frame["education-num"],
        marital=frame["marital-status"],
        occupation=frame["occupation"],
        gain=frame["capital-gain"],
        loss=frame["capital-loss"],
        country=frame["native-country"],
        positive=frame["income"] == ">50K",
    )


def shared_census_income() -> TableTask:
    """Census-Income's people with an occupation, in the shared columns.

    Returns:
        The task, sensitive by sex.
    """
    frame = load_census_income()
    frame = frame[frame["major_occupation"] != "Not in universe"].reset_index(drop=True)
    return _task(
        frame,
        worker=frame["class_of_worker"].map(_WORKER),
        schooling=frame["education"].map(_SCHOOLING),
        marital=frame["marital_status"].replace(_MARITAL),
        occupation=frame["major_occupation"].map(_OCCUPATION),
        gain=frame["capital_gains"],
        loss=frame["capital_losses"],
        country=frame["country_self"],
        positive=frame["income"] == "50000+",
    )


def _task(
    frame: pd.DataFrame,
    *,
    worker: pd.Series,
    schooling: pd.Series,
    marital: pd.Series,
    occupation: pd.Series,
    gain: pd.Series,
    loss: pd.Series,
    country: pd.Series,
    positive: pd.Series,
) -> TableTask:
    shared = pd.DataFrame(
        {
            "age": frame["age"],
            "worker": worker,
            "schooling": schooling,
            "marital": marital,
            "occupation": occupation,
            "capital gain": gain,
            "capital loss": loss,
            "born": country.eq("United-States").map({True: "here", False: "elsewhere"}),
            "sex": frame["sex"],
            TARGET: positive.map({True: POSITIVE, False: "up to 50,000"}),
        }
    )
    return TableTask(shared, TARGET, ("sex",), positive_label=POSITIVE)
