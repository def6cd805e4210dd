"""Patients who share a film, as groups that are dealt once and for ever."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import pandas as pd

from radloop.params import Split
from radloop.quality.sides import asked_films

#: What a film gets that may teach no one: it copies a film of a patient in another split.
EXCLUDED = "excluded"
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Dealt:
    """Where each patient and each film stands. `excluded`: record ids of films that are left out."""

    group_of: dict[str, str]
    split_of: dict[str, str]
    excluded: frozenset[str]


def deal(films: pd.DataFrame, links: list[tuple[int, int]], knobs: Split) -> Dealt:
    """Deal all patients, so that none who shares a film with another is parted from them, and none ever moves.

    The catalog only grows, and it is replayed in the order in which it grew, batch by batch: what a batch decides
    depends on that batch and earlier ones alone. New patients who share a film form one group, dealt by the keyed
    hash of its first patient; where one of them shares a film with a patient who stands already, the group joins
    the one who came first of all these. A film that copies one in another split is excluded, the later of the two,
    because moving either patient would break "once test, always test".

    Where whole sites or batches are test, a group stands where its first film was taken, and its films of the other
    side are excluded: nobody crosses, and test holds nothing but what it claims to hold.
    `films`: record_id, patient_id, batch and, for `by: site`, site, in the order of arrival; `links`: positions of
    films that are copies of each other under two patients.
    """
    patients = films["patient_id"].to_list()
    batches = films["batch"].to_list()
    first_batch = dict(zip(reversed(patients), reversed(batches), strict=True))
    by_batch: dict[int, list[tuple[str, str]]] = {}
    for one, other in links:
        pair = (patients[one], patients[other])
        by_batch.setdefault(max(batches[one], batches[other]), []).append(pair)
    order = {patient: rank for rank, patient in enumerate(dict.fromkeys(patients))}
    group_of: dict[str, str] = {}
    for batch in sorted(set(batches)):
        new = [patient for patient in order if first_batch[patient] == batch]
        group_of.update(_join(new, by_batch.get(batch, []), group_of, order, knobs.salt))
    sides = asked_films(films, knobs)
    side_of: dict[str, bool | None] = {}
    for patient, side in zip(patients, sides, strict=True):
        side_of.setdefault(group_of[patient], side)
    split_of = {patient: split_of_group(group, knobs, side_of[group]) for patient, group in group_of.items()}
    crossing = {place for place, side in enumerate(sides) if side != side_of[group_of[patients[place]]]}
    excluded = {max(pair) for pair in links if len({split_of[patients[place]] for place in pair}) > 1} | crossing
    return Dealt(group_of, split_of, frozenset(films["record_id"].iloc[sorted(excluded)]))


def group_id(patient: str, salt: str) -> str:
    """The id of the group that a patient founds: a keyed hash, so that it tells neither patient nor order."""
    return hmac.new(salt.encode(), patient.encode(), hashlib.sha256).hexdigest()[:32]


def split_of_group(group: str, knobs: Split, asked: bool | None = None) -> str:
    """Where a group stands, from its id alone: what other groups there are does not matter.

    Test comes first on the scale, so that another share of validation moves no group into or out of test. `asked`
    says whether the group is on the side of the test where that does not follow from its id; the others are then
    dealt into train and validation alone, in the same proportion.
    """
    place = int(group[:16], 16) / 2**64
    if asked is False:
        place = knobs.test + place * (1.0 - knobs.test)
    if asked or (asked is None and place < knobs.test):
        return "test"
    return "validation" if place < knobs.test + knobs.validation else "train"


def _join(
    new: list[str], pairs: list[tuple[str, str]], standing: dict[str, str], order: dict[str, int], salt: str
) -> dict[str, str]:
    """The groups of the patients of one batch."""
    circle = {patient: {patient} for patient in new}
    elders: dict[str, set[str]] = {patient: set() for patient in new}
    for one, other in pairs:
        if one in circle and other in circle:
            _merge(circle, one, other)
        for young, old in ((one, other), (other, one)):
            if young in circle and old in standing:
                elders[young].add(old)
    joined = {}
    for patient in new:
        seniors = set[str]().union(*(elders[member] for member in circle[patient]))
        founder = min(seniors or circle[patient], key=order.__getitem__)
        joined[patient] = standing.get(founder) or group_id(founder, salt)
    return joined


def _merge(circle: dict[str, set[str]], one: str, other: str) -> None:
    if circle[one] is not circle[other]:
        merged = circle[one] | circle[other]
        for patient in merged:
            circle[patient] = merged
