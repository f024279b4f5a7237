"""Errors and warnings that name the argument, its value, what is accepted and the next step."""

from __future__ import annotations

from typing import Self


class FairfactorError(Exception):
    """Base of every error that fairfactor raises on purpose; its text fits one line."""


class ArgumentError(FairfactorError, ValueError):
    """An argument has a value that cannot be used.

    Args:
        argument: Name of the argument, as the caller wrote it.
        value: The value it had.
        accepted: What would have been accepted.
        remedy: The next thing to do, as an imperative sentence.
    """

    def __init__(self, argument: str, value: object, accepted: str, remedy: str = "") -> None:
        self.argument = argument
        self.value = value
        text = f"{argument}={_short(value)} is not usable: expected {accepted}."
        self._parts = argument, value, accepted, remedy
        super().__init__(f"{text} {remedy}" if remedy else text)

    def __reduce__(self) -> tuple[type[Self], tuple[str, object, str, str]]:
        """Pickle what the error was made of, so that it can leave a worker process."""
        return type(self), self._parts


class DataError(FairfactorError, ValueError):
    """Data given by the user cannot be used as it is: a column, a group, a value."""


class SavedModelError(FairfactorError):
    """A saved model or run folder is missing, damaged, altered or of another version."""


class TrainingError(FairfactorError, RuntimeError):
    """Training cannot go on, for example because the loss is no longer finite."""


class FairfactorWarning(UserWarning):
    """Something that changes how a result should be read."""


def _short(value: object, limit: int = 80) -> str:
    """Represent a value in at most ``limit`` characters on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
