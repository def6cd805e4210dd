"""Are the sites alike in sex, age and finding? Told to a person, because hospitals may truly differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from radloop.params import UseCase
from radloop.quality.balance import share_and_chance

#: Patients of a site below which nothing is said of it.
SMALLEST = 10


@dataclass(frozen=True)
class Unlike:
    """A site's share of a category that chance does not explain, beside the whole's."""

    site: str
    what: str
    share: float
    whole: float


@dataclass(frozen=True)
class SiteProbe:
    """What is unlike between sites, the largest difference first; `sites` were compared."""

    sites: int
    unlike: tuple[Unlike, ...]
    rule: str

    @property
    def warns(self) -> bool:
        """Is any site unlike the whole?"""
        return bool(self.unlike)

    def to_json(self) -> dict[str, Any]:
        """As summary.json keeps it."""
        return {"sites": self.sites, "unlike": [asdict(one) for one in self.unlike], "rule": self.rule}

    def told(self) -> str:
        """One sentence for Data Docs."""
        if self.sites < 2:
            return f"Demographics per site: fewer than two sites of {SMALLEST} patients to compare."
        seen = "; ".join(f"{one.what} {one.share:.2f} at {one.site}, {one.whole:.2f} over all" for one in self.unlike)
        return f"Demographics of {self.sites} sites: {seen or 'alike'} (severity warn: {self.rule})."


def site_probe(case: UseCase, accepted: pd.DataFrame) -> SiteProbe:
    """Compare each site's shares of sex, of ages above the median and of the finding with those of all sites.

    A model may learn a site's mark in place of the disease where sites differ in it. A difference is told where it
    exceeds `validate.warn.site_difference` and what chance gives over all comparisons (see `balance`). Missing values
    are left out of their comparison. `accepted`: Stored columns.
    """
    limit = case.validate_.warn.site_difference if case.validate_.warn else 1.0
    patients = accepted.groupby("site")["patient_id"].nunique()
    sites = sorted(patients.index[patients >= SMALLEST])
    found = [] if len(sites) < 2 else _compared(_shares(case, accepted), accepted, sites, limit)
    ordered = sorted(found, key=lambda one: -abs(one.share - one.whole))
    return SiteProbe(len(sites), tuple(ordered), f"no share differs by more than {limit:g} and beyond chance (99 %)")


def _shares(case: UseCase, accepted: pd.DataFrame) -> dict[str, pd.Series]:
    """Each looked-at share as 0, 1 or missing per film."""
    age, finding = accepted["age"], case.task.finding
    found = [None if found is None else float(finding in found) for found in accepted["findings"]]
    sexes = sorted(accepted["sex"].dropna().unique())
    told = sexes[:1] if len(sexes) == 2 else sexes  # of two, the other's share says the same
    shares = {f"sex {sex}": (accepted["sex"] == sex).astype(float).where(accepted["sex"].notna()) for sex in told}
    middle = age.median()
    return {
        **shares,
        f"age above {middle:g}": (age > middle).astype(float).where(age.notna()),
        finding: pd.Series(found, dtype=float, index=accepted.index),
    }


def _compared(shares: dict[str, pd.Series], accepted: pd.DataFrame, sites: list[str], limit: float) -> list[Unlike]:
    unlike = []
    for what, values in shares.items():
        known = values.notna() & accepted["site"].isin(sites)
        whole = float(values[known].mean()) if known.any() else 0.0
        for site in sites:
            here = known & (accepted["site"] == site)
            if accepted["patient_id"][here].nunique() < SMALLEST:
                continue
            share, low, high = share_and_chance(
                values[here], accepted["patient_id"][here], whole, len(shares) * len(sites)
            )
            if abs(share - whole) > limit and not low <= share <= high:
                unlike.append(Unlike(site, what, round(share, 4), round(whole, 4)))
    return unlike
