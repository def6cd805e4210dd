"""What must hold for any bytes whatever: a refusal with a reason, or a good arrival without an identity."""

from __future__ import annotations

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.layout import layout_of
from radloop.dicom.parse import Unusual, parse
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_object, require_storable
from radloop.dicom.splice import clean_pixels, splice
from radloop.dicom.strip import strip
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
    stored = bytes(arrival.content)
    if arrival.record.sha256 != sha256(stored):
        raise Broken("the hash is not that of the stored bytes")
    if any(word in _without_pixels(stored) for word in IDENTITIES):
        raise Broken("an identity is left in the stored bytes")
    if arrival.record.content_type == "application/dicom":
        _require_one_truth(content, stored, pseudonyms)
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
    again, pixels = read_object(stored)
    if len(pixels) < layout_of(again).object_bytes:
        raise Broken("the stored file has too few pixels")


def fast(content: bytes, pseudonyms: Pseudonyms) -> bytes | None:
    """What the fast path alone gives; None where it refuses, or leaves the file to the plain one."""
    try:
        file = parse(content)
        told = Told(file.elements)
        require_storable(told, has_pixels=True)
        if file.coded:  # the header is the lean parser's, the frames are the plain path's
            return bytes(strip(content, pseudonyms).content)
        pixels = clean_pixels(content, file, told)
        return None if pixels is None else bytes(splice(file, [pixels], pseudonyms)[0])
    except (Unusual, StudyRejected):
        return None


def plainly(content: bytes, pseudonyms: Pseudonyms) -> bytes | None:
    """What the plain path alone gives; None where it refuses."""
    try:
        return to_bytes(deidentify(read_object(content)[0], pseudonyms))
    except StudyRejected:
        return None
