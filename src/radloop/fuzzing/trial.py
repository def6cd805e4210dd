"""What must hold for any bytes whatever: a refusal with a reason, or a good arrival without an identity."""

from __future__ import annotations

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.parse import Unusual, parse
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom, require_one_image
from radloop.dicom.splice import clean_pixels, splice
from radloop.dicom.told import Told
from radloop.errors import StudyRejected
from radloop.files import sha256
from radloop.fuzzing.films import PLANTED
from radloop.sources.instance import read_instance

#: Long enough that no damage makes them by chance; magic numbers of polyglots are too short for that.
IDENTITIES = tuple(word for word in PLANTED if len(word) > 5)


class Broken(Exception):
    """A promise that some bytes broke; its text names the promise alone."""


def tried(content: bytes, pseudonyms: Pseudonyms) -> str:
    """Read bytes as ingest does: the reason of the refusal, or "" where they are admitted.

    Raises Broken where a promise is broken; any other exception is a bug too.
    """
    try:
        arrival = read_instance(content, pseudonyms)
    except StudyRejected as refusal:
        return refusal.reason
    if arrival.record.sha256 != sha256(arrival.content):
        raise Broken("the hash is not that of the stored bytes")
    if any(word in _without_pixels(arrival.content) for word in IDENTITIES):
        raise Broken("an identity is left in the stored bytes")
    if arrival.record.content_type == "application/dicom":
        _require_one_truth(content, arrival.content, pseudonyms)
    return ""


def _without_pixels(stored: bytes) -> bytes:
    """All but pixel values: where damage laid a name among those, it is grey values like any others."""
    try:
        pixels = parse(stored).pixels
    except Unusual:
        return stored
    return stored[: pixels.start] + stored[pixels.stop :]


def _require_one_truth(content: bytes, stored: bytes, pseudonyms: Pseudonyms) -> None:
    spliced, plain = fast(content, pseudonyms), plainly(content, pseudonyms)
    if spliced is not None and plain is not None and spliced != plain:
        raise Broken("the fast path and the plain one differ")
    if stored not in (spliced, plain):
        raise Broken("reading twice gives two files")
    again = read_dicom(stored)
    if len(again.PixelData) < again.Rows * again.Columns * again.BitsAllocated // 8:
        raise Broken("the stored file has too few pixels")


def fast(content: bytes, pseudonyms: Pseudonyms) -> bytes | None:
    """What the fast path alone gives; None where it refuses, or leaves the file to the plain one."""
    try:
        file = parse(content)
        told = Told(file.elements)
        require_one_image(told, has_pixels=True)
        pixels = clean_pixels(content, file, told)
        return None if pixels is None else splice(content, file, pixels, pseudonyms)[0]
    except (Unusual, StudyRejected):
        return None


def plainly(content: bytes, pseudonyms: Pseudonyms) -> bytes | None:
    """What the plain path alone gives; None where it refuses."""
    try:
        return to_bytes(deidentify(read_dicom(content), pseudonyms))
    except StudyRejected:
        return None
