"""What became of patients: how long each was watched and whether the event came; refused where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from radloop.errors import ConfigurationError, GateClosed
from radloop.intervals import Codes, Floats

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Survival:
    """Days from the study to the event or to the end of watching [n], whether it came [n], and whose case it is [n].

    `patients` are codes from 0: cases of one patient share one, because they are not independent.
    """

    time: Floats = field(repr=False)
    event: Flags = field(repr=False)
    patients: Codes = field(repr=False)

    @classmethod
    def of(cls, time: npt.ArrayLike, event: npt.ArrayLike, patients: npt.ArrayLike | None = None) -> Survival:
        """From columns of a table; without `patients` every case is its own.

        Raises ConfigurationError for unequal lengths, times that are negative or no numbers, and events that are
        not true or false.
        """
        days = np.asarray(time, dtype=float).reshape(-1)
        came = _flags(event)
        codes = np.arange(days.size) if patients is None else _codes(patients)
        if not days.size == came.size == codes.size:
            raise ConfigurationError(
                f"{days.size} times, {came.size} events and {codes.size} patients; each case needs one of each.",
                "mend the table of outcomes",
            )
        if bad := int((~np.isfinite(days)).sum()):
            raise ConfigurationError(f"{bad} of {days.size} times are no numbers.", "leave these cases out")
        if bad := int((days < 0).sum()):
            raise ConfigurationError(
                f"{bad} of {days.size} times are negative; an outcome follows its study.", "check both dates"
            )
        return cls(days, came, codes)

    def __len__(self) -> int:
        return self.time.size

    def part(self, chosen: npt.ArrayLike) -> Survival:
        """The chosen cases, by flags [n] or positions."""
        where = np.asarray(chosen)
        return Survival(self.time[where], self.event[where], self.patients[where])

    @property
    def events(self) -> int:
        """How many cases had the event."""
        return int(self.event.sum())

    @property
    def patients_with_event(self) -> int:
        """How many patients had the event: ten studies of one patient who died are one death."""
        return int(np.unique(self.patients[self.event]).size)

    @property
    def patients_in_all(self) -> int:
        """How many patients there are."""
        return int(np.unique(self.patients).size)

    def require_events(self, what: str = "the data") -> None:
        """Ask for events of two patients, for fewer order nothing. Raises GateClosed."""
        found = self.patients_with_event
        if found < 2:
            raise GateClosed(
                f"{what}: {len(self)} cases and {['no event', 'one event only'][found]}; events of two patients or "
                "more are needed.",
                "watch longer, or add patients",
            )


def _flags(event: npt.ArrayLike) -> Flags:
    array: npt.NDArray[Any] = np.asarray(event).reshape(-1)
    if array.dtype != np.bool_:
        try:
            numbers = array.astype(float)
        except (TypeError, ValueError):
            numbers = np.full(array.size, np.nan)
        if bad := int((~np.isin(numbers, (0.0, 1.0))).sum()):
            raise ConfigurationError(
                f"{bad} of {array.size} events are neither true nor false.", "write 1 for the event, 0 for censored"
            )
        array = numbers.astype(bool)
    return array


def _codes(patients: npt.ArrayLike) -> Codes:
    return np.unique(np.asarray(patients).reshape(-1), return_inverse=True)[1].reshape(-1)
