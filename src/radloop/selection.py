"""Which series of a source are taken: the rest is counted by reason, neither stored nor quarantined.

A series that is not wanted is no fault of its sender; listed among the refused, it would hide those that are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from radloop.records import Arrival, Record, Rejection
from radloop.sections.intake import Choice, Orientations, Select

_WORD = re.compile(r"\w+")
UNTOLD = "_untold"  # behind a rule's name: the series does not tell what the rule asks for
EXCLUDED = "_excluded"
MASK = "mask_of_no_selected_series"


class Selection:
    """One pass over a source by the rules of `select`; `left_out` counts by reason what was not taken.

    `known` gives the series that the snapshot holds already: their masks are taken when they come later.
    """

    def __init__(self, select: Select, known: Callable[[], frozenset[str]]) -> None:
        self._select, self._known = select, known
        self._taken: set[str] = set()
        self.left_out: Counter[str] = Counter()

    def of(self, arrivals: Iterable[Arrival | Rejection]) -> Iterator[Arrival | Rejection]:
        """What is taken of `arrivals`, in their order, but for masks that come before the images of their series:
        those wait for the end, for until then nobody can say whether their series is taken.
        """
        if self._select == Select():
            yield from arrivals
            return
        waiting: list[Arrival] = []
        for arrival in arrivals:
            if isinstance(arrival, Rejection) or self._takes(arrival.record):
                yield arrival
            elif arrival.record.role == "mask":
                waiting.append(arrival)
        yield from self._late(waiting)

    def _takes(self, record: Record) -> bool:
        if record.role == "mask":
            return record.series_id in self._taken
        reason = why_not(record, self._select)
        if reason:
            self.left_out[reason] += 1
        elif record.series_id:
            self._taken.add(record.series_id)
        return reason is None

    def _late(self, masks: list[Arrival]) -> Iterator[Arrival]:
        taken = self._taken | self._known() if masks else frozenset()
        for mask in masks:
            if mask.record.series_id in taken:
                yield mask
            else:
                self.left_out[MASK] += 1


def why_not(record: Record, select: Select) -> str | None:
    """The first rule by which an image is not taken, with `_untold` or `_excluded` behind its name; None if it is."""
    values = {name: getattr(record, name) for name in ("modality", "body_part", "orientation", "kernel")}
    rules = {name: getattr(select, name) for name in values}
    for name, value in values.items():
        told = {value.casefold()} if value else set()
        if reason := _breach(name, rules[name], told, _is_one_of(told)):
            return reason
    words = _words(record.series_description or "")
    if reason := _breach("description", select.description, words, lambda entry: _words(entry) <= words):
        return reason
    return _thickness(record.slice_thickness, select.slice_thickness)


def _breach(name: str, rule: Choice | Orientations, told: set[str], fits: Callable[[str], bool]) -> str | None:
    if any(fits(entry) for entry in rule.exclude):
        return name + EXCLUDED
    if not rule.include or any(fits(entry) for entry in rule.include):
        return None
    return name if told else name + UNTOLD


def _is_one_of(told: set[str]) -> Callable[[str], bool]:
    return lambda entry: entry.casefold() in told


def _thickness(told: float | None, bounds: tuple[float, ...]) -> str | None:
    if not bounds:
        return None
    if told is None:
        return f"slice_thickness{UNTOLD}"
    return None if bounds[0] <= told <= bounds[1] else "slice_thickness"


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
