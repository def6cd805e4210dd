"""Which films are on the side of the test where whole sites, or the newest batches, are the test."""

from __future__ import annotations

import hashlib
import hmac

import pandas as pd

from radloop.gate import Check
from radloop.params import Split


def asked_films(films: pd.DataFrame, knobs: Split) -> list[bool | None]:
    """For each film whether it is on the side of the test; None where the patient alone decides.

    A film that tells no site is never test: nobody could say that its site is unseen. Dates are shifted per patient,
    so the one true order in time is that of admission: the newest batches that together hold `test` of the films are
    test, never the oldest batch.
    `films`: `site` where `by` is site, `batch` (the admission that brought the bytes) where it is time.
    """
    if knobs.by == "site":
        named = {site: site_is_asked(site, knobs) for site in films["site"].dropna().unique()}
        return [bool(named.get(site, False)) for site in films["site"]]
    if knobs.by == "time":
        newest = asked_batches(films["batch"], knobs.test)
        return [batch in newest for batch in films["batch"]]
    return [None] * len(films)


def site_is_asked(site: str, knobs: Split) -> bool:
    """Is this whole site test? By name where sites are named, else by a keyed hash that ignores all other sites."""
    if knobs.test_sites:
        return site in knobs.test_sites
    digest = hmac.new(knobs.salt.encode(), b"site " + site.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < knobs.test


def asked_batches(batches: pd.Series, share: float) -> frozenset[int]:
    """The newest batches that together hold at least `share` of the films, or all but the oldest."""
    counts = batches.value_counts().sort_index()
    newest: list[int] = []
    held = 0
    for batch in reversed(counts.index[1:]):
        if held >= share * len(batches):
            break
        newest.append(int(batch))
        held += int(counts[batch])
    return frozenset(newest)


def side_checks(table: pd.DataFrame, knobs: Split) -> tuple[Check, ...]:
    """The gate's rule about sites or batches, asked of the finished table; none where patients are dealt.

    `table`: `split`, and `site` or `batch`; films that are excluded are in neither.
    """
    test, taught = table[table["split"] == "test"], table[table["split"].isin(["train", "validation"])]
    if knobs.by == "site":
        return (_whole_sites(set(test["site"].dropna()), set(taught["site"].dropna()), knobs),)
    if knobs.by == "time":
        return (_newest_batches(test["batch"], taught["batch"]),)
    return ()


def _whole_sites(asked: set[str], taught: set[str], knobs: Split) -> Check:
    absent = sorted(set(knobs.test_sites) - asked)
    shared = sorted(asked & taught)
    seen = {"test": sorted(asked), "others": len(taught), "in both": shared, "named but absent": absent}
    rule = "test holds whole sites, at least one, that teach nothing; name them in split.test_sites"
    return Check("whole_sites", bool(asked and taught) and not shared and not absent, seen, rule)


def _newest_batches(asked: pd.Series, taught: pd.Series) -> Check:
    rule = "every batch in test was admitted after every batch that teaches; ingest at least twice to have an order"
    if asked.empty or taught.empty:
        return Check("newest_batches", False, "no order between test and the others", rule)
    first, last = int(asked.min()), int(taught.max())
    return Check("newest_batches", last < first, {"last that teaches": last, "first in test": first}, rule)
