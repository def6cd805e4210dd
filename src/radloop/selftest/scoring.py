"""From single judgements to a score: what must agree over all files, and a share per category with its interval."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date

from radloop.dicom.values import as_date
from radloop.intervals import Interval, proportion_interval
from radloop.selftest.judging import Judged
from radloop.selftest.key import CATEGORIES

GOAL = 0.999


@dataclass(frozen=True)
class Score:
    """What the self-test found; `interval` takes the patient as its unit."""

    judged: list[Judged]

    def of(self, category: str | None = None) -> list[Judged]:
        """Required actions, of one category or all."""
        chosen = [one for one in self.judged if not one.action.beyond]
        return [one for one in chosen if category in (None, one.action.category)]

    def beyond(self) -> list[Judged]:
        """What was planted beyond the profile's claim: told, not scored."""
        return [one for one in self.judged if one.action.beyond]

    def failures(self) -> list[Judged]:
        """Required actions that were not done."""
        return [one for one in self.of() if not one.right]

    def interval(self, category: str | None = None) -> Interval:
        """The share of required actions done."""
        chosen = self.of(category)
        return proportion_interval([bool(one.right) for one in chosen], [one.action.patient for one in chosen])

    @property
    def share(self) -> float:
        """Share of all required actions done; 0 where none was asked."""
        chosen = self.of()
        return sum(bool(one.right) for one in chosen) / len(chosen) if chosen else 0.0


def settle(judged: list[Judged]) -> Score:
    """Decide what only all files together can: UIDs and patients mapped one to one, one shift per patient."""
    names: dict[str, Counter[str]] = defaultdict(Counter)
    shifts: dict[int, Counter[int]] = defaultdict(Counter)
    for one in judged:
        if one.action.category in ("uid_consistent", "patid_consistent") and one.observed:
            names[one.action.planted][one.observed] += 1
        if one.action.category == "date_shifted" and (days := _days(one)) is not None:
            shifts[one.action.patient][days] += 1
    usual = {original: found.most_common(1)[0][0] for original, found in names.items()}
    owners = Counter(usual.values())
    common = {patient: found.most_common(1)[0][0] for patient, found in shifts.items()}
    return Score([replace(one, right=_settled(one, usual, owners, common)) for one in judged])


def rows_of(score: Score) -> list[tuple[str, int, int, Interval]]:
    """Category, required, done and interval, of those that were asked, the total last."""
    asked = [category for category in CATEGORIES if score.of(category)]
    rows = [(category, score.of(category), score.interval(category)) for category in asked]
    rows.append(("all", score.of(), score.interval()))
    return [(name, len(chosen), sum(bool(one.right) for one in chosen), share) for name, chosen, share in rows]


def _settled(one: Judged, usual: dict[str, str], owners: Counter[str], common: dict[int, int]) -> bool | None:
    action = one.action
    if one.right is not None:
        return one.right
    if action.category == "date_shifted":
        days = _days(one)
        return days is not None and days == common[action.patient] and 7 <= days <= 364 and days % 7 == 0
    changed = bool(one.observed) and one.observed != action.planted
    if action.category == "uid_changed":
        return changed
    return changed and usual[action.planted] == one.observed and owners[one.observed] == 1


def _days(one: Judged) -> int | None:
    before, after = (_day(text) for text in (one.action.planted, one.observed))
    return (before - after).days if before and after and one.action.planted[8:] == one.observed[8:] else None


def _day(text: str) -> date | None:
    return as_date(text[:8])
