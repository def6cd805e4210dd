"""What must hold for any bytes whatever: a refusal with a reason, or a good arrival without an identity."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.layout import layout_of
from radloop.dicom.parse import Unusual, parse
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_object, require_storable
from radloop.dicom.sizes import allowed_mib
from radloop.dicom.splice import clean_pixels, splice
from radloop.dicom.strip import strip
from radloop.dicom.told import Told
from radloop.errors import ConfigurationError, StudyRejected
from radloop.files import sha256
from radloop.fuzzing.films import PLANTED
from radloop.nifti import clean_nifti, is_nifti
from radloop.records import Rejection
from radloop.sources.instance import read_instance
from radloop.sources.medmnist import MedMnist

_ARCHIVE = b"PK\x03\x04"
_BEFORE_VOXELS = 352  # bytes
_NUMBERS = ((40, 56), (76, 120), (280, 328))  # sides, spacing and scale, affine: numbers that are used may spell a word
_SOME = 50  # images of a set that damage may have made large
#: Long enough that no damage makes them by chance; magic numbers of polyglots are too short for that.
IDENTITIES = tuple(word for word in PLANTED if len(word) > 5)


class Broken(Exception):
    """A promise that some bytes broke; its text names the promise alone."""


def tried(content: bytes, pseudonyms: Pseudonyms) -> str:
    """Read bytes as ingest does: the reason of the refusal, or "" where they are admitted.

    NIfTI and archives are read as their own sources do. Raises Broken where a promise is broken; any other exception
    is a bug too.
    """
    if is_nifti(content):
        return _tried_volume(content, pseudonyms)
    if content.startswith(_ARCHIVE):
        return _tried_set(content, pseudonyms)
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


def _tried_volume(content: bytes, pseudonyms: Pseudonyms) -> str:
    try:
        stored, image = clean_nifti(content, allowed_mib(None, pseudonyms.profile.knobs))
    except StudyRejected as refusal:
        return refusal.reason
    if any(word in _without_numbers(stored[:_BEFORE_VOXELS]) for word in IDENTITIES):
        raise Broken("an identity is left in the header of a volume")
    again, same = clean_nifti(stored)
    if again != stored or same.voxels.tobytes() != image.voxels.tobytes():
        raise Broken("a stored volume is not stored again as itself")
    return ""


def _without_numbers(header: bytes) -> bytes:
    kept = bytearray(header)
    for start, stop in _NUMBERS:
        kept[start:stop] = bytes(stop - start)
    return bytes(kept)


def _tried_set(content: bytes, pseudonyms: Pseudonyms) -> str:
    with TemporaryDirectory(prefix="radloop-fuzz-") as folder:
        (Path(folder) / "pneumoniamnist.npz").write_bytes(content)
        try:
            source = MedMnist(Path(folder), pseudonyms)
        except ConfigurationError as error:
            if any(word.decode() in str(error) for word in IDENTITIES):
                raise Broken("an identity is told of an archive") from None
            return "no_set"
        items = [source.read(position) for position in range(min(len(source), _SOME))]
    return min((item.reason for item in items if isinstance(item, Rejection)), default="")


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
