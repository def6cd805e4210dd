"""What every retrieval from a PACS shares: its address with a query, patience, and a count of what came."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydicom.datadict import tag_for_keyword

from radloop.errors import ConfigurationError, ServiceUnavailable

Result = TypeVar("Result")
FORMS = "https://host/dicom-web?StudyDate=20240101-20240131 or dicom://TITLE@host:port?ModalitiesInStudy=DX"
WEB, DIMSE = ("http", "https"), ("dicom", "dicoms")


#: What a query may ask where its words are kept; anything else may be a patient's name, number or day of birth.
NAMELESS = frozenset({"StudyDate", "StudyTime", "SeriesDate", "Modality", "ModalitiesInStudy", "BodyPartExamined"})


@dataclass(frozen=True)
class Address:
    """Where a PACS is and which studies are wanted: `keys` are DICOM keywords with what they must match.

    `title` is the PACS's AE title, empty for DICOMweb; `base` the address without its query. `https` and `dicoms`
    are asked by TLS.
    """

    scheme: str
    host: str
    port: int
    title: str
    base: str
    keys: dict[str, str]

    @property
    def web(self) -> bool:
        """Whether it is asked by DICOMweb."""
        return self.scheme in WEB

    @property
    def secure(self) -> bool:
        """Whether it is asked by TLS."""
        return self.scheme in ("https", "dicoms")


@dataclass(frozen=True)
class StudyFound:
    """A study that a PACS says it has, and of how many instances (NumberOfStudyRelatedInstances), where it tells."""

    uid: str
    instances: int | None


@dataclass(frozen=True)
class Reference:
    """One instance that a PACS says it has; its UIDs are the PACS's own, not for any log."""

    study: str
    series: str
    uid: str


@dataclass(frozen=True)
class Retrieved:
    """What a retrieval did: instances that the query found, and how many of them had landed before."""

    studies: int = 0
    instances: int = 0
    already: int = 0

    def __add__(self, other: Retrieved) -> Retrieved:
        return Retrieved(self.studies + other.studies, self.instances + other.instances, self.already + other.already)


@dataclass(frozen=True)
class Patience:
    """How often a call is tried, and for how long to wait in between: `first` seconds, doubled each time."""

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0

    def call(self, action: Callable[[], Result]) -> Result:
        """The result of `action`. Raises its last ServiceUnavailable where none of the attempts went well."""
        for attempt in range(self.attempts - 1):
            try:
                return action()
            except ServiceUnavailable:
                time.sleep(min(self.first * 2**attempt, self.longest))
        return action()


def told_count(value: object) -> int | None:
    """A count as a PACS writes it, None where it is none."""
    text = str(value or "").strip()
    return int(text) if text.isdecimal() else None


def parse_address(text: str) -> Address:
    """Read an address. Raises ConfigurationError where it is none, or names an attribute that DICOM has not.

    The message tells the keyword and never what it must match, which may be a patient's id.
    """
    parts = urlsplit(text)
    if parts.scheme not in WEB + DIMSE or not parts.hostname:
        raise ConfigurationError("the address of the PACS cannot be read", f"write it as {FORMS}")
    if parts.password is not None or (parts.scheme in WEB and parts.username is not None):
        raise ConfigurationError(
            "the address holds a password, and addresses are shown", "set RADLOOP_DICOMWEB_AUTHORIZATION"
        )
    if parts.scheme in DIMSE and not (parts.username and parts.port):
        raise ConfigurationError("the address lacks the PACS's AE title or port", f"write it as {FORMS}")
    keys = dict(parse_qsl(parts.query, keep_blank_values=True))
    for keyword in keys:
        if tag_for_keyword(keyword) is None:
            raise ConfigurationError(f"{keyword[:64]!r} is no DICOM keyword", "spell it as in PS3.6, like StudyDate")
    base = parts._replace(query="", fragment="").geturl().rstrip("/")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Address(parts.scheme, parts.hostname, port, parts.username or "", base, keys)


def require_nameless(text: str) -> None:
    """Ask that an address can name no patient, because Prefect keeps and shows the parameters of every run.

    Raises ConfigurationError for an address that matches anything but `NAMELESS`, or that cannot be read.
    """
    for keyword in parse_address(text).keys:
        if keyword not in NAMELESS:
            raise ConfigurationError(
                f"{keyword} may name a patient, and Prefect keeps the parameters of a run",
                "retrieve with `radloop retrieve`, then ingest with source=spool",
            )
