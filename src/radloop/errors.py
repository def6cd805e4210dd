"""Everything that can go wrong, as a tree.

    RadloopError
    ├── StudyRejected        this study is quarantined with a reason, the others go on
    ├── GateClosed           the science says no: a person decides
    ├── ServiceUnavailable   the world is away: try again later
    └── ConfigurationError   the request cannot be understood: the user mends it

Anything else is a bug and crashes. Messages name the value, the rule and the next step, never a patient.
"""

from __future__ import annotations

import traceback
from typing import Any


class RadloopError(Exception):
    """Base of all failures that radloop foresees, so that callers can tell them from bugs."""

    family = "error"
    exit_code = 1

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross from process to process, and each has arguments of its own."""
        return _again, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return f"{self.message} Next: {self.next_step}" if self.next_step else self.message


class StudyRejected(RadloopError):
    """One study cannot be used; `reason` is a short stable code that tables count by."""

    family = "study_rejected"
    exit_code = 3

    def __init__(self, reason: str, message: str, next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.reason = reason


class GateClosed(RadloopError):
    """A check of the science failed, so what follows must not run until a person has looked."""

    family = "gate_closed"
    exit_code = 4


class ServiceUnavailable(RadloopError):
    """Something outside this process did not answer; the same call may work later."""

    family = "service_unavailable"
    exit_code = 5


class ConfigurationError(RadloopError):
    """The request, a setting or a parameter is wrong; nothing was done."""

    family = "configuration"
    exit_code = 2


def _again(kind: type[RadloopError], args: tuple[Any, ...], facts: dict[str, Any]) -> RadloopError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


def place_of(error: BaseException) -> str:
    """Where an error arose, innermost line first and without its words, which may quote a header and so a patient."""
    return " < ".join(f"{f.name}:{f.lineno}" for f in reversed(traceback.extract_tb(error.__traceback__)[-4:]))


FAMILIES: dict[str, type[RadloopError]] = {
    cls.family: cls for cls in (StudyRejected, GateClosed, ServiceUnavailable, ConfigurationError)
}


def revive(family: str, message: str, next_step: str = "", reason: str = "") -> RadloopError:
    """Turn a recorded failure back into its exception, because DVC loses a stage's exit code."""
    if family == StudyRejected.family:
        return StudyRejected(reason or "unknown", message, next_step)
    return FAMILIES.get(family, RadloopError)(message, next_step)
