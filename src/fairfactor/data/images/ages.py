"""Ages as groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

STARTS = (18, 35, 50, 65)
BANDS = ("0 to 17", "18 to 34", "35 to 49", "50 to 64", "65 and over")


def age_bands(ages: pd.Series) -> pd.Categorical[str]:
    """Put ages into `BANDS`.

    Args:
        ages: Whole years.

    Returns:
        The band of each; bands that nobody is in are left out.
    """
    codes = np.digitize(ages.to_numpy(), STARTS)
    present = np.unique(codes)
    names = pd.Index([BANDS[code] for code in present])
    return pd.Categorical.from_codes(np.searchsorted(present, codes), names, ordered=True)
