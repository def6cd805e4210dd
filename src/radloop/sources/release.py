"""Make room in a spool: instances that the catalog has admitted need not stay there with their identity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from radloop.sources.studies import Completeness, studies


def release(spool: Path, admitted: Set[str], quiet: float, committed: bool = False) -> int:
    """Remove the instances of complete studies that are among `admitted`; how many were removed.

    `admitted` holds the keyed pseudonyms of the catalog's instances, which are the names of the spool's claims. A
    refused instance stays, for somebody may want to look at it; so does one that its sender was told is safe, unless
    `committed`, for the sender may have removed its own. Killed in between, this leaves files that the spool
    completes again.
    """
    going = admitted if committed else admitted - _promised(spool)
    admitted_files = {claim.stat().st_ino: claim for claim in (spool / "instances").iterdir() if claim.name in going}
    removed = Counter[str]()
    for study in studies(spool, quiet):
        if study.completeness is Completeness.ARRIVING:
            continue
        for path in study.files:
            claim = admitted_files.get(path.stat().st_ino)
            if claim is not None:
                path.unlink()
                claim.unlink()
                (spool / "committed" / claim.name).unlink(missing_ok=True)
                removed[study.name] += 1
        if removed[study.name] or not study.files:
            _leave(spool, study.name)
    return removed.total()


def _promised(spool: Path) -> set[str]:
    return {mark.name for mark in (spool / "committed").glob("*")}


def _leave(spool: Path, study: str) -> None:
    """Forget how many instances a study should have, for what is left is no longer all of it; and an empty study."""
    (spool / "expected" / f"{study}.json").unlink(missing_ok=True)
    with suppress(OSError):  # it is not empty, and stays
        (spool / "studies" / study).rmdir()
