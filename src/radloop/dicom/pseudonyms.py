"""Keyed pseudonyms: the same person, study or object gets the same new name, and only the key leads back."""

from __future__ import annotations

import hashlib
import hmac
import uuid

from radloop.dicom.profile import Profile
from radloop.errors import ConfigurationError
from radloop.params import Params
from radloop.settings import Settings

SHORTEST_KEY = 16
WEEKS = 52  # dates move back by at least one week and at most this many


class Pseudonyms:
    """Turns identifiers into pseudonyms by HMAC-SHA256, so that nobody can try all names without the key.

    `profile` says what else becomes of an identity under this key. Raises ConfigurationError for a key of fewer
    than 16 bytes.
    """

    def __init__(self, key: bytes, profile: Profile | None = None) -> None:
        if len(key) < SHORTEST_KEY:
            raise ConfigurationError(
                f"the pseudonym key has {len(key)} bytes; it needs at least {SHORTEST_KEY}",
                "set RADLOOP_PSEUDONYM_KEY to a longer secret or leave it unset",
            )
        self._key = key
        self.profile = profile or Profile()

    def patient(self, raw: str) -> str:
        """The pseudonym of a PatientID; equal ids are one patient, whichever site tells them.

        Merging by id alone is the safe error: it can never deal one patient into two splits.
        """
        return f"p-{self._digest('patient', raw).hex()[:20]}"

    def study(self, raw: str) -> str:
        """The new UID of a study, which is also the StudyInstanceUID of its de-identified objects."""
        return self.uid(raw)

    def uid(self, raw: str) -> str:
        """The new UID of any object: a UUID below 2.25 (DICOM PS3.5 B.2), equal for equal input."""
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', raw)[:16], version=4).int}"

    def stored_uid(self, raw: str) -> str:
        """The UID under which an object of this UID is stored: the same one where the profile retains UIDs."""
        return raw.strip(" \0") if self.profile.knobs.retain_uids else self.uid(raw)

    def site(self, raw: str) -> str:
        """The pseudonym of an institution; spelling in another case is the same institution."""
        return f"site-{self._digest('site', raw.casefold()).hex()[:8]}"

    def name(self, raw: str) -> str:
        """64 hexadecimal digits for a file name, which may hold a patient's."""
        return self._digest("name", raw).hex()

    def days_back(self, raw: str) -> int:
        """Days by which every date of a PatientID moves into the past: whole weeks, so that weekdays stay.

        Staffing, and with it the mix of portable films, has a weekly rhythm that a monitor must still see.
        """
        return 7 * (1 + int.from_bytes(self._digest("dates", raw)[:8]) % WEEKS)

    def _digest(self, kind: str, raw: str) -> bytes:
        plain = raw.strip(" \0")
        return hmac.digest(self._key, f"{kind}\0{plain}".encode(errors="surrogateescape"), hashlib.sha256)


def open_pseudonyms(settings: Settings) -> Pseudonyms:
    """The pseudonyms of an installation: its own key, and the profile that the project's params.yaml declares.

    Raises ConfigurationError where either cannot be read.
    """
    return Pseudonyms(settings.key(), Profile(Params.load(settings.project).deidentify))
