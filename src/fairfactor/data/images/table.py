"""A table of images: rows joined with files, and everything that did not fit named and counted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import pandas as pd

from fairfactor.data.images.check import unreadable_images
from fairfactor.errors import ArgumentError, DataError, FairfactorWarning
from fairfactor.images.store import ImageStore

IMAGE = "image"
"""The column that names the image of each row."""

UnusableImages = Literal["refuse", "leave-out"]
"""What becomes of rows whose image is missing or cannot be decoded."""

_MOST_NAMED = 3


@dataclass(frozen=True)
class Notice:
    """Something about a release that is not as it should be.

    Attributes:
        what: What it is, in the plural, such as "rows without an image file".
        names: The images that it concerns, if it concerns single ones.
        count: How many there are.
    """

    what: str
    names: tuple[str, ...]
    count: int

    @classmethod
    def of(cls, what: str, names: Iterable[str]) -> Self:
        """Count some names.

        Args:
            what: What they are.
            names: The names.

        Returns:
            The notice.
        """
        listed = tuple(names)
        return cls(what, listed, len(listed))

    def __str__(self) -> str:
        """The count, what it is, and the first names."""
        named = ", ".join(self.names[:_MOST_NAMED])
        more = self.count - min(len(self.names), _MOST_NAMED)
        listing = f" ({named}{f' and {more:,} more' if more and named else ''})" if named else ""
        return f"{self.count:,} {self.what}{listing}"


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Images with what is known of each.

    Attributes:
        frame: One row an image: the column ``image``, and the others by name.
        images: The images that the column names.
        noticed: What was not as it should be, and is warned of.
        split: Column with the release's own parts, ``train``, ``validation`` or ``test``, if any.
        identity: Column that says which person an image shows, if the release tells.
        centre: Share of the shorter side of an image that a face is cut to.
        column: What ``image`` was called in the user's own table, as new tables will call it.
    """

    frame: pd.DataFrame
    images: ImageStore
    noticed: tuple[Notice, ...] = ()
    split: str | None = None
    identity: str | None = None
    centre: float = 1.0
    column: str = IMAGE

    def without_unusable(
        self,
        unusable: UnusableImages = "refuse",
        *,
        remembered: Path | None = None,
        on_images: Callable[[int], None] = lambda _done: None,
    ) -> ImageTable:
        """Decode every image once, and refuse or leave out those that cannot be.

        Args:
            unusable: Which.
            remembered: As for `unreadable_images`.
            on_images: As for `unreadable_images`.

        Returns:
            The table with usable images only; those left out are among its notices.

        Raises:
            ArgumentError: If ``unusable`` is neither.
            DataError: If images are unusable and refused, or none is usable.
        """
        if unusable not in {"refuse", "leave-out"}:
            raise ArgumentError("unusable_images", unusable, "refuse or leave-out")
        frame, notices = self.frame, []
        present = frame[IMAGE].isin(set(self.images.names))
        if not present.all():
            notices.append(Notice.of("rows without an image file", frame.loc[~present, IMAGE]))
            frame = frame[present]
        reasons = unreadable_images(
            self.images, frame[IMAGE].tolist(), remembered=remembered, on_images=on_images
        )
        if reasons:
            listed = (f"{name}: {reason}" for name, reason in reasons.items())
            notices.append(Notice.of("images that cannot be decoded", listed))
            frame = frame[~frame[IMAGE].isin(reasons)]
        if frame.empty:
            told = "; ".join(map(str, notices)) or "the table has no rows"
            raise DataError(f"{self.images.place} has no usable image: {told}.")
        if not notices:
            return self
        if unusable == "refuse":
            raise DataError(
                f"{self.images.place}: {'; '.join(map(str, notices))}. Get these files again, or "
                "pass --unusable-images leave-out to go on without them."
            )
        left_out = tuple(replace(notice, what=f"{notice.what}, left out") for notice in notices)
        return replace(self, frame=frame.reset_index(drop=True), noticed=(*self.noticed, *left_out))

    def warn(self) -> None:
        """Say what was noticed, in one ``FairfactorWarning`` each."""
        for notice in self.noticed:
            warnings.warn(f"{self.images.place}: {notice}.", FairfactorWarning, stacklevel=2)


def joined(
    frame: pd.DataFrame,
    images: ImageStore,
    *,
    noticed: Sequence[Notice] = (),
    ignored: Iterable[str] = (),
    split: str | None = None,
    identity: str | None = None,
    centre: float = 1.0,
) -> ImageTable:
    """Put rows and images together, and notice images that no row names.

    Args:
        frame: One row an image, with the column ``image``.
        images: The images.
        noticed: What was noticed before.
        ignored: Images without a row that were noticed before.
        split: As in `ImageTable`.
        identity: As in `ImageTable`.
        centre: As in `ImageTable`.

    Returns:
        The table, its rows numbered from 0. Rows without an image stay in it.

    Raises:
        DataError: If an image has two rows.
    """
    twice = frame[IMAGE][frame[IMAGE].duplicated()].unique().tolist()
    if twice:
        raise DataError(
            f"{Notice.of('images have more than one row', twice)}: expected one. Delete the others."
        )
    unnamed = sorted(set(images.names).difference(frame[IMAGE], ignored))
    more = [Notice.of("images without a row of labels, not used", unnamed)] if unnamed else []
    return ImageTable(
        frame=frame.reset_index(drop=True),
        images=images,
        noticed=(*noticed, *more),
        split=split,
        identity=identity,
        centre=centre,
    )


def expected_rows(found: int, expected: int, where: str) -> list[Notice]:
    """Notice a number of rows that is not the published one.

    Args:
        found: The number there is.
        expected: The number there should be.
        where: What says so.

    Returns:
        At most one notice.
    """
    if found == expected:
        return []
    return [Notice(f"rows, where {where} has {expected:,}", (), found)]
