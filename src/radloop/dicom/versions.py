"""Versions of software without people: engineers sign an installation in the attribute that names its release."""

from __future__ import annotations

import re

from pydicom.datadict import tag_for_keyword

from radloop.dicom.vocabulary import WORDS

#: Attributes whose values are releases; names of makers and models are words of any kind, and stay as they are.
VERSIONS = frozenset(
    tag_for_keyword(keyword)
    for keyword in (
        "SoftwareVersions", "SecondaryCaptureDeviceSoftwareVersions", "ManufacturerModelVersion", "ApplicationVersion",
        "CodingSchemeVersion",
    )
)  # fmt: skip
#: Words of releases and names of products, none of which is a common family name; in lower case.
_LIST = """
    achieva affiniti alpha android api applicat application aquilion axiom azurion baseline beta brilliance build
    coreload definium dev dicom digital digitaldiagnost discovery driver drivers dynamics engine epiq essenta final
    firmware fix gmp hotfix ingenia ingenuity intera intevo ivs kernel lib library light lightspeed linux luminos
    medical module numaris operating optima orthanc osirix pack package patch pixelmed platform printers pro rad
    radloop rel release rev revision revolution service signa sim simulated soft software somaris speed speedverrel
    sub syngo system systems tomo update vct ver verrel version versions via viewer vitrea win windows workstation
    ysio
"""
_PRODUCTS = frozenset(_LIST.split()) | WORDS
_PIECE, _LETTERS = re.compile(r"[^\W_]+"), re.compile(r"[A-Za-z]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LOOSE = ".,;:_-/*()[]\"'"
_BESIDE_DIGITS, _ALONE = 4, 2  # letters that are no word: VB10A and RTNC1; MR and b


def release(text: str) -> str:
    """The text without the words that are of no release, the same text where it holds none.

    A piece between separators stays if its runs of letters are known words, or short: at most four letters in a
    piece with a digit, at most two in one without.
    """
    left = _PIECE.sub(lambda found: found[0] if _belongs(found[0]) else "", text)
    return text if left == text else " ".join(word for loose in left.split() if (word := loose.strip(_LOOSE)))


def _belongs(piece: str) -> bool:
    if not piece.isascii():
        return False
    longest = _BESIDE_DIGITS if any(map(str.isdigit, piece)) else _ALONE
    return all(len(run) <= longest or _is_known(run) for run in _LETTERS.findall(piece))


def _is_known(run: str) -> bool:
    parts = _PART.findall(run)
    return run.lower() in _PRODUCTS or all(len(part) == 1 or part.lower() in _PRODUCTS for part in parts)
