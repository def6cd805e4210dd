"""Look at one stored file and say which required actions were done; what needs other files is only observed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from radloop.selftest.key import Action
from radloop.selftest.pictures import is_hidden

UNSURE = "burned_in_text_unsure"
TOGETHER = ("date_shifted", "uid_changed", "uid_consistent", "patid_consistent")


@dataclass(frozen=True)
class Judged:
    """One action with what came of it; `right` is None while other files have a say. `how` tells how it was done."""

    action: Action
    right: bool | None
    observed: str
    how: str = "stored"


def judge(content: bytes, actions: list[Action]) -> list[Judged]:
    """All actions of one stored file, in their order."""
    stored = pydicom.dcmread(io.BytesIO(content))
    return [_judge(stored, action) for action in actions]


def judge_refused(reason: str, actions: list[Action]) -> list[Judged]:
    """All actions of a quarantined file: its text is hidden and nothing of it can be retained.

    Where text had to be hidden, a quarantine is a right answer and the file's other actions do not arise.
    """
    written = [action for action in actions if action.category == "pixels_hidden"]
    if written:
        return [Judged(action, True, reason, "quarantined") for action in written]
    if reason == UNSURE and all(action.category != "pixels_retained" for action in actions):
        return []  # the profile may refuse in doubt what is known for text
    gone = ("text_removed",)
    return [Judged(action, action.category in gone, reason, "quarantined") for action in actions]


def _judge(stored: Dataset, action: Action) -> Judged:
    if action.category in ("pixels_hidden", "pixels_retained"):
        return Judged(action, _pixels(stored, action), "", "cleaned")
    element = find(stored, action.path)
    told = "" if element is None else text_of(element)
    if action.category in TOGETHER:
        return Judged(action, None, told)
    return Judged(action, _right(action, element, told), told[:64])


def _right(action: Action, element: DataElement | None, told: str) -> bool:
    if action.category == "text_removed":
        return action.planted.casefold() not in told.casefold()
    if action.category == "text_retained":
        return _holds(told, action.expected)
    return bool(told) if action.category == "text_notnull" else element is not None


def _holds(told: str, expected: str) -> bool:
    """Word or whole value; a number may be spelt otherwise."""
    if expected.casefold() in told.casefold():
        return True
    try:
        return [float(one) for one in told.split("\\")] == [float(one) for one in expected.split("\\")]
    except ValueError:
        return False


def _pixels(stored: Dataset, action: Action) -> bool:
    if action.category == "pixels_retained":
        return sha256(stored.PixelData).hexdigest() == action.expected
    left, top, right, bottom = map(int, action.planted.split(","))
    picture = np.frombuffer(stored.PixelData, "<u2").reshape(stored.Rows, stored.Columns)
    return is_hidden(picture, (left, top, right, bottom))


def find(stored: Dataset, path: str) -> DataElement | None:
    """The element at a path of the key, or None where it or a level above is gone."""
    *levels, last = path.split("/")
    place: Dataset = stored
    for level in levels:
        tag, _, item = level.partition(".")
        items = place[int(tag, 16)].value if int(tag, 16) in place else []
        if len(items) <= int(item):
            return None
        place = items[int(item)]
    return place.get(int(last, 16))


def text_of(element: DataElement) -> str:
    """All that an element says, whatever its kind."""
    value = element.value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list | pydicom.multival.MultiValue):
        return "\\".join(map(str, value))
    return "" if value is None else str(value)
