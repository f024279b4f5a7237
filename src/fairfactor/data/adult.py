"""Adult (Census Income): raw and complete, with the official split and three sensitive features.

Source: Becker and Kohavi (1996), UCI Machine Learning Repository, https://doi.org/10.24432/C5XW20,
CC BY 4.0. ``resources/ATTRIBUTION.md`` lists the changes made for this package.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from importlib.resources import files
from typing import Literal

import numpy as np
import pandas as pd

from fairfactor.data.task import TableTask
from fairfactor.errors import ArgumentError, DataError

RAW_COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
)
ADULT_FILE = files("fairfactor.data") / "resources" / "adult.csv.gz"
# Of the text inside, not of the gzip bytes: these may differ between builds of zlib.
ADULT_SHA256 = "bf0482767305b8e0fdea738fe4e72ec6ee531a69f99ed34cc196f741c7c43298"

DESCRIPTION = {
    "name": "Adult",
    "description": "US census records of 1994: does a person earn more than 50,000 dollars a year?",
    "licence": "CC BY 4.0",
    "citation": "Becker and Kohavi (1996), Adult, UCI Machine Learning Repository, "
    "doi 10.24432/C5XW20; changes: joined, unknown values left empty, test labels cleaned.",
}

AGE_GROUP_NAMES = ("under 25", "25 to 59", "60 and over")
_AGE_GROUP_STARTS = (25, 60)


def load_adult(rows: Literal["complete", "all"] = "complete") -> pd.DataFrame:
    """Load Adult as UCI published it, with a column ``split`` for the official train/test mark.

    Args:
        rows: ``"complete"`` for the 45,222 rows without an unknown value (30,162 train and
            15,060 test), ``"all"`` for all 48,842 (32,561 and 16,281).

    Returns:
        One row per person, numbered from 0, in the columns of UCI and ``split``. Unknown values are
        missing values; ``income`` is ``"<=50K"`` or ``">50K"``.

    Raises:
        ArgumentError: If ``rows`` is neither of the two.
        DataError: If the file in the package is damaged or altered.
    """
    if rows not in {"complete", "all"}:
        raise ArgumentError("rows", rows, '"complete" or "all"')
    try:
        content = gzip.decompress(ADULT_FILE.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{ADULT_FILE} cannot be read ({error}). Reinstall fairfactor.") from error
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != ADULT_SHA256:
        raise DataError(
            f"{ADULT_FILE} was altered: its content has SHA-256 {checksum}, "
            f"expected {ADULT_SHA256}. Reinstall fairfactor."
        )
    # An empty cell is the only missing value; "None" or "NA" would be a category.
    frame = pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=[""])
    return frame.dropna(ignore_index=True) if rows == "complete" else frame


def adult_task(
    sensitive_columns: tuple[str, ...] = ("sex",),
    *,
    rows: Literal["complete", "all"] = "complete",
    sensitive_as_inputs: bool = False,
    survey_weight_as_input: bool = False,
    parts: str | None = None,
) -> TableTask:
    """Describe the usual task on Adult: does a person earn more than 50,000 dollars a year?

    The survey weight ``fnlwgt`` says how many people a row stands for, not what the person is like,
    so it is no input unless asked for. The paper's 742-parameter network has 13 inputs, which can
    only be UCI's 14 columns without ``sex``, the survey weight among them.

    Args:
        sensitive_columns: Any of ``"sex"``, ``"race"`` and ``"age-group"``, or another column with
            few values; several of them mean their intersections. The column ``"age-group"`` is
            derived: under 25, 25 to 59, 60 and over. With it ``age`` is no input either.
        rows: See ``load_adult``.
        sensitive_as_inputs: Also feed the sensitive features to the model (``age`` itself in the
            place of ``age-group``).
        survey_weight_as_input: Also feed ``fnlwgt`` to the model, as the paper must have done.
        parts: ``"split"`` to keep the official test rows.

    Returns:
        The task, with ``">50K"`` as the positive class.
    """
    frame = load_adult(rows)
    age_group = np.digitize(frame["age"], _AGE_GROUP_STARTS)
    frame["age-group"] = np.array(AGE_GROUP_NAMES)[age_group]
    excluded = ["split", "age-group"]
    if not survey_weight_as_input:
        excluded.append("fnlwgt")
    if "age-group" in sensitive_columns and not sensitive_as_inputs:
        excluded.append("age")
    return TableTask(
        frame,
        target="income",
        sensitive_columns=sensitive_columns,
        positive_label=">50K",
        excluded_columns=tuple(excluded),
        sensitive_as_inputs=sensitive_as_inputs,
        parts_column=parts,
    )
