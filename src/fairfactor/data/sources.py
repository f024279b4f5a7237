"""One way to every data set: those that fairfactor knows by name, and the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from fairfactor.data import adult, census_income, german
from fairfactor.data.images import drawn_faces, folder
from fairfactor.data.images import task as image_sets
from fairfactor.data.images.releases import RELEASES
from fairfactor.data.request import DataRequest
from fairfactor.data.table_file import TableFile
from fairfactor.data.tables import load_table
from fairfactor.data.task import TableTask
from fairfactor.data.texts.text_table import TEXT_SETS
from fairfactor.data.texts.text_task import OPTIONS, text_task
from fairfactor.errors import ArgumentError


@dataclass(frozen=True)
class Source:
    """A data set known by name.

    Attributes:
        load: From what a user asks for to the task.
        description: Texts under ``name``, ``description``, ``licence`` and ``citation``.
        sensitive: The sensitive columns unless others are asked for.
        accepts: Fields of a request that it knows, besides the sensitive columns.
        extracted: Whether its inputs are features that a pre-trained network makes.
    """

    load: Callable[[DataRequest], TableTask]
    description: Mapping[str, str]
    sensitive: tuple[str, ...] = ("sex",)
    accepts: frozenset[str] = frozenset({"rows"})
    extracted: bool = False


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "adult": Source(
            lambda request: adult.adult_task(
                request.sensitive,
                rows=request.rows or "complete",
                survey_weight_as_input=request.survey_weight_as_input,
                parts=request.parts,
            ),
            adult.DESCRIPTION,
            accepts=frozenset({"rows", "survey_weight_as_input", "parts"}),
        ),
        "german": Source(lambda request: german.german_task(request.sensitive), german.DESCRIPTION),
        "census-income": Source(
            lambda request: census_income.census_income_task(request.sensitive),
            census_income.DESCRIPTION,
        ),
        image_sets.DRAWN_FACES: Source(
            image_sets.image_task,
            drawn_faces.DESCRIPTION,
            sensitive=("island",),
            accepts=image_sets.ACCEPTED,
            extracted=True,
        ),
        **{
            name: Source(
                image_sets.image_task,
                release.description,
                sensitive=release.sensitive,
                accepts=image_sets.ACCEPTED | {"root"},
                extracted=True,
            )
            for name, release in RELEASES.items()
        },
        image_sets.FOLDER: Source(
            image_sets.image_task,
            folder.DESCRIPTION,
            accepts=image_sets.ACCEPTED | {"images", "labels"},
            extracted=True,
        ),
        **{
            name: Source(text_task, known.description, (known.sensitive,), OPTIONS, extracted=True)
            for name, known in TEXT_SETS.items()
        },
    }
)
DATA_SETS = tuple(SOURCES)
"""The data sets known by name."""

_OF_A_FILE = frozenset({"target", "positive", "bins", "threshold", "exclude", "rows", "parts"})


def load_task(request: DataRequest) -> TableTask:
    """Load a data set by its name, or a table by its path.

    Args:
        request: What is asked for.

    Returns:
        The task.

    Raises:
        ArgumentError: If a field does not belong to this data set, or ``data`` is neither a name
            nor a file.
    """  # noqa: DOC502 - raised by the request and by the source
    require_usable(request)
    source = SOURCES.get(request.data)
    if source:
        return source.load(request)
    if request.text is not None:
        return text_task(request)
    assert request.target is not None
    return load_table(
        Path(request.data),
        target=request.target,
        sensitive=request.sensitive,
        positive=request.positive,
        bins=request.bins,
        threshold=request.threshold,
        exclude=request.exclude,
        most_rows=request.most_rows,
        rows=request.rows or "all",
        parts=request.parts,
    )


def require_usable(request: DataRequest) -> None:
    """Check, before anything is read, that a data set knows what it is asked.

    Args:
        request: What is asked for.

    Raises:
        ArgumentError: As for `load_task`.
    """  # noqa: DOC502 - raised by the request
    source = SOURCES.get(request.data)
    if source:
        request.refuse_all_but(source.accepts)
        return
    _require_file(request.data, request.target)
    of_texts = OPTIONS | {"text", "target", "positive", "bins", "threshold", "parts"}
    request.refuse_all_but(_OF_A_FILE if request.text is None else of_texts)


def describe(data: str) -> Mapping[str, str]:
    """What a reader should know of a data set: its name, what it is about, licence and citation.

    Args:
        data: As in `load_task`.

    Returns:
        Texts under ``name``, ``description``, ``licence`` and ``citation``.
    """
    if is_known(data):
        return SOURCES[data].description
    return {
        "name": Path(data).name,
        "description": "A table of your own.",
        "licence": "as its owner says",
        "citation": "",
    }


def is_known(data: str) -> bool:
    """Whether a data set is known by name.

    Args:
        data: As in `load_task`.

    Returns:
        False for the path of a table.
    """
    return data in SOURCES


def is_extracted(data: str) -> bool:
    """Whether the inputs of a data set that is known by name are features of texts or images.

    Args:
        data: As in `load_task`.

    Returns:
        False for tables.
    """
    return is_known(data) and SOURCES[data].extracted


def is_texts(data: str) -> bool:
    """Whether a data set that is known by name is one of texts.

    Args:
        data: As in `load_task`.

    Returns:
        False for all others.
    """
    return data in TEXT_SETS


def default_sensitive(data: str) -> tuple[str, ...]:
    """The sensitive columns of a data set if none are named.

    Args:
        data: As in `load_task`.

    Returns:
        Names of columns.
    """
    return SOURCES[data].sensitive if is_known(data) else ("sex",)


def _require_file(data: str, target: str | None) -> None:
    """Check that there is such a file, and that a target is named.

    Raises:
        ArgumentError: If there is not.
    """
    path = Path(data)
    if not path.is_file():
        near = get_close_matches(data, DATA_SETS, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else "Check the path."
        raise ArgumentError("data", data, f"{', '.join(DATA_SETS)} or the path of a file", remedy)
    if target is None:
        names = TableFile.open(path).names
        columns = ", ".join(names[:30]) + (" and more" if len(names) > 30 else "")
        raise ArgumentError("target", target, f"the column of {data} to predict, one of {columns}")
