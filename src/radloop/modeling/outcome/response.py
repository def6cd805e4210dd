"""Response of target lesions from study to study, in RECIST's categories, by longest diameters or by volumes.

Only what can be measured: lymph nodes by their short axis, lesions that are no targets and the confirmation of a
response are the reader's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Literal

from pydantic import Field

from radloop.errors import StudyRejected
from radloop.modeling.outcome.growth import Repeatability
from radloop.modeling.outcome.lesions import LesionSize
from radloop.sections import Section


class Category(StrEnum):
    """RECIST's words for what became of the targets."""

    COMPLETE = "complete response"
    PARTIAL = "partial response"
    STABLE = "stable disease"
    PROGRESSIVE = "progressive disease"
    NOT_EVALUABLE = "not evaluable"


class Criteria(Section):
    """When a sum of sizes has changed: `shrink` from the baseline, `grow` from the smallest since, as shares.

    `least` is the growth that a progression has at least, in mm or ml; `repeatability` the change of a volume that
    may be none. Targets are `measurable` mm long or more, at most `most`, and `per_organ` of one organ.
    """

    measure: Literal["longest", "millilitres"] = "longest"
    shrink: float = Field(0.30, gt=0, lt=1)
    grow: float = Field(0.20, gt=0)
    least: float = Field(5.0, ge=0)
    repeatability: Repeatability | None = None
    measurable: float = Field(10.0, gt=0)
    most: int = Field(5, ge=1)
    per_organ: int = Field(2, ge=1)


RECIST = Criteria()


def volume_criteria(repeatability: Repeatability) -> Criteria:
    """RECIST's shares as those of a sphere's volume, and a change beyond repeatability in place of 5 mm."""
    return Criteria(
        measure="millilitres", shrink=1 - 0.7**3, grow=1.2**3 - 1, least=0, repeatability=repeatability
    )  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """The lesions of one study by number; a target that is left out was not measured, one that is `GONE` is gone."""

    day: date
    sizes: Mapping[int, LesionSize]
    new_lesion: bool = False


@dataclass(frozen=True)
class Response:
    """The category of one study; the sum of its targets, and its change from the baseline and from the smallest."""

    day: date
    category: Category
    total: float | None
    from_baseline: float | None
    from_smallest: float | None


def choose_targets(
    sizes: Mapping[int, LesionSize], criteria: Criteria = RECIST, organs: Mapping[int, str] | None = None
) -> tuple[int, ...]:
    """The largest measurable lesions of a baseline, in the order of their numbers.

    Without `organs` the limit per organ is not applied. Raises StudyRejected where no lesion is measurable.
    Source: Eisenhauer 2009 (RECIST 1.1), sections 3.1 and 4.2.
    """
    chosen: list[int] = []
    for lesion in sorted(sizes, key=lambda one: (-sizes[one].longest, one)):
        mates = sum(1 for one in chosen if organs is not None and organs.get(one) == organs.get(lesion))
        if sizes[lesion].longest >= criteria.measurable and mates < criteria.per_organ and len(chosen) < criteria.most:
            chosen.append(lesion)
    if not chosen:
        raise StudyRejected(
            "not_measurable", f"no lesion is {criteria.measurable:g} mm long.", "follow it by eye, or by volume alone"
        )
    return tuple(sorted(chosen))


def responses(visits: Sequence[Visit], targets: Sequence[int], criteria: Criteria = RECIST) -> list[Response]:
    """The response at each visit after the first, which is the baseline.

    Raises StudyRejected for one visit only, days that do not rise, or a target that the baseline does not have.
    Source: Eisenhauer 2009 (RECIST 1.1), section 4.3.
    """
    if len(visits) < 2 or any(late.day <= early.day for early, late in pairwise(visits)):
        raise StudyRejected("visits", f"{len(visits)} visits are no rising days.", "sort them, one a day, two or more")
    baseline, whole = _total(visits[0], targets, criteria)
    if not targets or not whole or baseline <= 0:
        raise StudyRejected("baseline", "the baseline does not measure every target.", "choose other targets")
    smallest, found = baseline, []
    for visit in visits[1:]:
        total, whole = _total(visit, targets, criteria)
        category = _category(visit, total, whole, (baseline, smallest), criteria)
        if not whole:
            found.append(Response(visit.day, category, None, None, None))
            continue
        change = total / smallest - 1 if smallest > 0 else None
        found.append(Response(visit.day, category, total, total / baseline - 1, change))
        smallest = min(smallest, total)
    return found


def _total(visit: Visit, targets: Sequence[int], criteria: Criteria) -> tuple[float, bool]:
    """The sum of the targets that were measured, and whether all were."""
    sizes = [visit.sizes[one] for one in targets if one in visit.sizes]
    return sum(float(getattr(size, criteria.measure)) for size in sizes), len(sizes) == len(targets)


def _category(visit: Visit, total: float, whole: bool, before: tuple[float, float], criteria: Criteria) -> Category:
    baseline, smallest = before
    # what was measured may already be more than all was: the rest cannot take it back
    if visit.new_lesion or _grown(total, smallest, criteria):
        return Category.PROGRESSIVE
    if not whole:
        return Category.NOT_EVALUABLE
    if total == 0:
        return Category.COMPLETE
    # a share such as 0.7 is not exact in binary, and the border itself is a response
    shrunk = total <= (1 - criteria.shrink) * baseline * (1 + 1e-12)
    return Category.PARTIAL if shrunk and _certain(total, baseline, criteria) else Category.STABLE


def _grown(total: float, smallest: float, criteria: Criteria) -> bool:
    if smallest == 0:
        return total > 0
    enough = total >= (1 + criteria.grow) * smallest * (1 - 1e-12) and total - smallest >= criteria.least - 1e-9
    return enough and _certain(total, smallest, criteria)


def _certain(total: float, before: float, criteria: Criteria) -> bool:
    return criteria.repeatability is None or criteria.repeatability.beyond(total / before)
