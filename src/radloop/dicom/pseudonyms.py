"""Keyed pseudonyms: the same person, study or object gets the same new name, and only the key leads back."""

from __future__ import annotations

import hashlib
import hmac
import uuid

from radloop.errors import ConfigurationError

SHORTEST_KEY = 16


class Pseudonyms:
    """Turns identifiers into pseudonyms by HMAC-SHA256, so that nobody can try all names without the key.

    Raises ConfigurationError for a key of fewer than 16 bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < SHORTEST_KEY:
            raise ConfigurationError(
                f"the pseudonym key has {len(key)} bytes; it needs at least {SHORTEST_KEY}",
                "set RADLOOP_PSEUDONYM_KEY to a longer secret or leave it unset",
            )
        self._key = key

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

    def site(self, raw: str) -> str:
        """The pseudonym of an institution; spelling in another case is the same institution."""
        return f"site-{self._digest('site', raw.casefold()).hex()[:8]}"

    def name(self, raw: str) -> str:
        """64 hexadecimal digits for a file name, which may hold a patient's."""
        return self._digest("name", raw).hex()

    def _digest(self, kind: str, raw: str) -> bytes:
        plain = raw.strip(" \0")
        return hmac.digest(self._key, f"{kind}\0{plain}".encode(errors="surrogateescape"), hashlib.sha256)
