from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from radloop.params import UseCase
from radloop.quality.sites import site_probe

Catalog = Callable[..., pd.DataFrame]


def of_sites(catalog: Catalog, women: dict[str, float], films_each: int = 1, patients: int = 60) -> pd.DataFrame:
    """Sites with this share of women each; everything else is alike."""
    return catalog(
        *(
            {
                "site": site, "patient_id": f"{site}-{n}", "sex": "F" if n < share * patients else "M",
                "age": 40.0 + n % 20, "findings": ["Pneumonia"] if n % 2 else [],
            }
            for site, share in women.items()
            for n in range(patients)
            for _ in range(films_each)
        )
    )  # fmt: skip


def test_a_site_of_women_is_told_with_its_share_and_that_of_all(case: UseCase, catalog: Catalog) -> None:
    probe = site_probe(case, of_sites(catalog, {"north": 0.9, "south": 0.5, "east": 0.5}))
    assert probe.warns and {(one.site, one.what) for one in probe.unlike} == {("north", "sex F")}
    assert "sex F 0.90 at north, 0.63 over all" in probe.told()


def test_sites_alike_are_said_to_be_alike(case: UseCase, catalog: Catalog) -> None:
    probe = site_probe(case, of_sites(catalog, {"north": 0.5, "south": 0.6}))
    assert not probe.warns and "alike" in probe.told()


def test_many_films_of_few_patients_prove_no_difference(case: UseCase, catalog: Catalog) -> None:
    few = of_sites(catalog, {"north": 0.75, "south": 0.4}, films_each=10, patients=12)
    assert not site_probe(case, few).warns
    as_many_patients = few.assign(patient_id=[f"p{n}" for n in range(len(few))])
    assert site_probe(case, as_many_patients).warns


def test_a_small_site_or_none_is_not_spoken_of(case: UseCase, catalog: Catalog) -> None:
    table = pd.concat([of_sites(catalog, {"north": 0.5}), of_sites(catalog, {"tiny": 1.0}, patients=9)])
    probe = site_probe(case, table)
    assert probe.sites == 1 and "tiny" not in probe.told() and "fewer than two sites" in probe.told()
    assert site_probe(case, table.assign(site=None)).sites == 0
