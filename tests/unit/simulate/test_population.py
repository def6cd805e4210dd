"""Who comes to the simulated hospital."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from radloop.errors import ConfigurationError
from radloop.simulate.findings import PNEUMONIA
from radloop.simulate.identities import identity, uid
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import study

MANY = 1500


@pytest.fixture(scope="module")
def studies() -> list:
    return [study(Hospital(), k) for k in range(MANY)]


def test_the_prevalence_is_the_one_asked_for(studies: list) -> None:
    share = np.mean([PNEUMONIA in s.severities for s in studies])
    assert share == pytest.approx(Hospital().prevalence, abs=0.04)


def test_a_patient_keeps_sex_birth_date_and_site_through_all_visits(studies: list) -> None:
    seen = defaultdict(set)
    for s in studies:
        seen[s.patient].add((s.sex, s.born, s.site.name, identity(0, s).name, identity(0, s).number))
    assert all(len(facts) == 1 for facts in seen.values())
    assert len(seen) < 0.8 * MANY


def test_visits_come_in_order_of_time_within_the_window(studies: list) -> None:
    days = defaultdict(list)
    for s in studies:
        days[s.patient].append(s.acquired.date())
    assert all(sorted(d) == d for d in days.values())
    hospital = Hospital()
    assert all(hospital.first_day <= d[0] and d[-1] <= hospital.last_day for d in days.values())


def test_pneumonia_tends_to_persist_from_visit_to_visit(studies: list) -> None:
    pairs = [(a, b) for a, b in pairwise(studies) if a.patient == b.patient]
    after_ill = np.mean([PNEUMONIA in b.severities for a, b in pairs if PNEUMONIA in a.severities])
    after_well = np.mean([PNEUMONIA in b.severities for a, b in pairs if PNEUMONIA not in a.severities])
    assert after_ill > after_well + 0.25


def test_bedside_films_are_commoner_among_the_ill_but_no_giveaway(studies: list) -> None:
    share = {
        ill: np.mean([s.view == "AP" for s in studies if (PNEUMONIA in s.severities) == ill]) for ill in (True, False)
    }
    assert 0.08 < share[True] - share[False] < 0.40


def test_every_site_and_scanner_is_used_and_bedside_units_only_at_the_bedside(studies: list) -> None:
    assert len(Counter(s.site.name for s in studies)) == 3
    assert len(Counter(s.scanner.station for s in studies)) == 4
    assert all(s.scanner.portable == (s.view == "AP") for s in studies)


def test_the_first_studies_do_not_depend_on_how_many_are_asked_for() -> None:
    assert study(Hospital(), 10) == study(Hospital(), 10)
    assert study(Hospital(seed=1), 10) != study(Hospital(), 10)


def test_uids_are_valid_and_depend_on_their_parts() -> None:
    assert uid("a", 1) == uid("a", 1) != uid("a", 2)
    assert len(uid("a", 1)) <= 64


@pytest.mark.parametrize(
    "wrong",
    [{"prevalence": 1.5}, {"image_size": 500}, {"last_day": date(2020, 1, 1)}, {"kvp_offset": -80.0}],
)
def test_a_knob_outside_its_range_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        replace(Hospital(), **wrong)
