"""Who comes, when, to which unit, and with what: the SIMULATED people behind the studies.

Every draw has its own stream, named after what it decides, so that turning one knob changes that
one thing and leaves every other draw as it was.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zlib import crc32

import numpy as np

from radloop.simulate.findings import CARDIOMEGALY, EFFUSION, PNEUMONIA
from radloop.simulate.knobs import Hospital, Scanner, Site

VISIT_BLOCK = 4096
"""Patients whose numbers of studies are drawn at a time."""


@dataclass(frozen=True)
class Study:
    """One planned study: person, placement, unit, truth, and what is recorded of the truth.

    severities: 0 to 1 of each finding that is truly there. recorded: the findings in the label
    file, which may be wrong. turns: quarter turns of the image. planted: names of the shifts that
    touch this study.
    """

    index: int
    patient: int
    visit: int
    sex: str
    age: float
    born: date
    acquired: datetime
    view: str
    site: Site
    scanner: Scanner
    kvp: float
    noise: float
    ill: float
    severities: dict[str, float]
    recorded: tuple[str, ...]
    inverted: bool
    turns: int
    planted: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """The true findings, in a fixed order."""
        return tuple(sorted(self.severities))


def stream(seed: int, topic: str, *numbers: int) -> np.random.Generator:
    """A random stream of its own for one topic, patient or study."""
    return np.random.default_rng([seed, crc32(topic.encode()), *numbers])


@lru_cache(maxsize=16)
def _visit_block(seed: int, visits: tuple[float, ...], block: int) -> tuple[int, ...]:
    chance = stream(seed, "visits", block).random(VISIT_BLOCK)
    return tuple(int(n) for n in 1 + np.searchsorted(np.cumsum(visits)[:-1], chance, side="right"))


def patient_of(hospital: Hospital, index: int) -> tuple[int, int, int]:
    """Patient, visit (from 0) and number of visits behind the study `index`."""
    seen, block = 0, 0
    while True:
        for k, visits in enumerate(_visit_block(hospital.seed, hospital.visits, block)):
            if seen + visits > index:
                return hospital.first_patient + block * VISIT_BLOCK + k, index - seen, visits
            seen += visits
        block += 1


def study(hospital: Hospital, index: int) -> Study:
    """Plan the study `index` of a hospital, the same whatever else is simulated."""
    patient, visit, visits = patient_of(hospital, index)
    sex, age, born, days = person(hospital, patient, visits)
    severities = illness(hospital, patient, visit, age)
    ill = severities.get(PNEUMONIA, 0.0)
    chance = stream(hospital.seed, "placing", patient, visit).random(6)
    portable = chance[0] < hospital.portable + hospital.portable_if_ill * (
        (0.5 + ill) if PNEUMONIA in severities else 0.0
    )
    site, scanner = unit(hospital, patient, portable, chance[1])
    planted = []
    if chance[2] < hospital.new_vendor:
        scanner = hospital.new_scanner
        planted.append("new_vendor")
    turns = 1 + int(3 * chance[3] / max(hospital.rotated, 1e-9)) if chance[3] < hospital.rotated else 0
    inverted = bool(chance[4] < hospital.inverted)
    noise = hospital.subgroup_noise if sex == hospital.subgroup else 1.0
    recorded = labels(hospital, patient, visit, sex, severities)
    planted += ["rotated_images"] * bool(turns) + ["inverted_images"] * inverted
    planted += ["worse_subgroup_images"] * (noise != 1) + ["detector_wear"] * (hospital.wear > 0)
    planted += ["worse_subgroup_labels"] * (set(recorded) != set(severities))
    planted += ["protocol_change"] * (hospital.kvp_offset != 0)
    jitter = stream(hospital.seed, "kvp", patient, visit).integers(-2, 3)
    moment = timedelta(seconds=int(7 * 3600 + 43200 * chance[5]))
    return Study(
        index=index,
        patient=patient,
        visit=visit,
        sex=sex,
        age=age + (days[visit] - days[0]).days / 365.25,
        born=born,
        acquired=datetime.combine(days[visit], time()) + moment,
        view="AP" if portable else "PA",
        site=site,
        scanner=scanner,
        kvp=float(scanner.kvp + hospital.kvp_offset + jitter),
        noise=noise,
        ill=ill,
        severities=severities,
        recorded=recorded,
        inverted=inverted,
        turns=turns,
        planted=tuple(planted),
    )


def person(hospital: Hospital, patient: int, visits: int) -> tuple[str, float, date, list[date]]:
    """Sex, age at the first visit (years), birth date and the days of all visits, in order."""
    rng = stream(hospital.seed, "person", patient)
    sex = "F" if rng.random() < hospital.female else "M"
    age = float(np.clip(hospital.age_mean + hospital.age_sd * rng.standard_normal(), 18, 97))
    span = (hospital.last_day - hospital.first_day).days + 1
    offsets = np.sort((rng.random(visits) * span).astype(int))
    days = [hospital.first_day + timedelta(days=int(k)) for k in offsets]
    born = days[0] - timedelta(days=int(age * 365.25))
    return sex, age, born, days


def illness(hospital: Hospital, patient: int, visit: int, age: float) -> dict[str, float]:
    """The findings of one visit and their severities; Pneumonia may persist from visit to visit."""
    older = (age - 57) / 40
    share = float(np.clip(hospital.prevalence * (1 + 0.15 * (age - hospital.age_mean) / 40), 0, 1))
    ill = False
    for k in range(visit + 1):
        chance = stream(hospital.seed, "pneumonia", patient, k).random()
        keep = hospital.persistence if k else 0.0
        ill = bool(chance < (share + keep * (1 - share) if ill else share * (1 - keep)))
    rng = stream(hospital.seed, "illness", patient, visit)
    grade = rng.beta(2.6 * hospital.severity, 2.6 * (1 - hospital.severity), 8)
    severities = {PNEUMONIA: float(grade[0])} if ill else {}
    lasting = stream(hospital.seed, "lasting", patient).random(len(hospital.rates))
    passing = rng.random(len(hospital.rates))
    for k, (finding, rate) in enumerate(hospital.rates):
        if finding == EFFUSION and ill:
            rate += 0.08
        if finding == CARDIOMEGALY:
            rate *= float(np.clip(1 + 1.2 * older, 0.1, 2.5))
        chance = lasting[k] if finding in (CARDIOMEGALY, "Nodule") else passing[k]
        if chance < rate:
            severities[finding] = float(grade[k + 1])
    return severities


def unit(hospital: Hospital, patient: int, portable: bool, chance: float) -> tuple[Site, Scanner]:
    """The patient's site, and one of its units of the right kind."""
    shares = np.cumsum([site.share for site in hospital.sites])
    where = stream(hospital.seed, "site", patient).random() * shares[-1]
    site = hospital.sites[int(np.searchsorted(shares, where, side="right"))]
    units = site.mobile if portable else site.fixed
    return site, hospital.scanners[units[int(chance * len(units))]]


def labels(hospital: Hospital, patient: int, visit: int, sex: str, severities: dict[str, float]) -> tuple[str, ...]:
    """What the label file says: the truth, but for a subgroup whose labels are bad."""
    recorded = set(severities)
    chance = stream(hospital.seed, "mislabelled", patient, visit).random()
    if sex == hospital.subgroup and chance < hospital.subgroup_mislabelled:
        recorded ^= {PNEUMONIA}
    return tuple(sorted(recorded))
