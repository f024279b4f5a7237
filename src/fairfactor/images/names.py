r"""Names as tables write them: with "\" for "/", with "./" before, or without the file's ending."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePosixPath


class ImageNames:
    """The names of the images there are, to look up what a table says.

    Args:
        names: Every name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)

    def find(self, text: str) -> str | None:
        """Find an image.

        Args:
            text: Its name as a table writes it.

        Returns:
            Its name; ``None`` if there is no such image, or several differ in their ending alone.
        """
        if text in self.names:
            return text
        name = str(PurePosixPath(text.strip().replace("\\", "/")))
        return name if name in self.names else self._by_stem.get(name)

    @cached_property
    def _by_stem(self) -> dict[str, str]:
        """Names by themselves without their ending, where that tells them apart."""
        stems: dict[str, str] = {}
        twice = set()
        for name in self.names:
            stem = str(PurePosixPath(name).with_suffix(""))
            if stem in stems:
                twice.add(stem)
            stems[stem] = name
        return {stem: name for stem, name in stems.items() if stem not in twice}
