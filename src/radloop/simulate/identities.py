"""Invented identities, put where real ones stand, so that de-identification has work to do.

No name, number or address here belongs to anybody; syllables are thrown together by a seed.
"""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from radloop.simulate.population import Study, stream

FIRST = ("Ol", "Mir", "Ta", "Ves", "Quil", "Bran", "Is", "Fen", "Zor", "Hal", "Ny", "Dor")
MIDDLE = ("a", "e", "ino", "ura", "imo", "ave", "ota", "i")
LAST = ("lin", "dra", "vek", "rell", "mond", "sha", "tar", "wyn", "beth", "gor")
STREETS = ("Phantom Row", "Raster Lane", "Grid Street", "Photon Walk", "Sievert Close")


@dataclass(frozen=True)
class Identity:
    """What a real file would tell of the person; every word is invented."""

    name: str
    number: str
    address: str
    telephone: str
    physician: str
    operator: str
    accession: str


def _word(rng: np.random.Generator) -> str:
    return str(rng.choice(FIRST)) + str(rng.choice(MIDDLE)) + str(rng.choice(LAST))


def identity(seed: int, planned: Study) -> Identity:
    """The invented identity behind a study: the person's parts are equal in all of their studies."""
    own = stream(seed, "identity", planned.patient)
    visit = stream(seed, "staff", planned.patient, planned.visit)
    return Identity(
        name=f"{_word(own)}^{_word(own)}",
        number=f"SIM{seed % 1000:03d}{planned.patient:07d}",
        address=f"{own.integers(1, 200)} {own.choice(STREETS)}, Simulatown",
        telephone=f"000-{own.integers(1000, 9999)}",
        physician=f"{_word(visit)}^{_word(visit)}^^Dr",
        operator=f"{_word(visit)}^{_word(visit)}",
        accession=f"A{seed % 1000:03d}{planned.patient:08d}{planned.visit}",
    )


def uid(*parts: object) -> str:
    """A UID under 2.25 (DICOM PS3.5 B.2) that depends on `parts` alone, 64 characters at most."""
    digest = sha256("/".join(map(str, ("radloop-simulated", *parts))).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
