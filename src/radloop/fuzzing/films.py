"""The film that bad files are made of: invented, whole, and with an identity that must be nowhere afterwards.

Encoded by hand and not by a library, because a library refuses to write most of what arrives from outside.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from struct import pack
from typing import Any

from radloop.simulate.dicom_encode import data_set, part10

EXPLICIT, IMPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"
BIG_ENDIAN, RLE = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"
JPEG, JPEG_LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"
JPEG_LS, JPEG_2000, HTJ2K = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
ROWS, COLUMNS = 12, 10
#: Every string that must be nowhere in what is admitted.
PLANTED = (b"Zanzibar", b"Quentin", b"MRN-4711", b"Wobble", b"../../etc", b"\x7fELF", b"II*\0")
UNDEFINED = b"\xff\xff\xff\xff"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


@dataclass(frozen=True)
class Kind:
    """One kind of bad file and the reason with which it must be refused; "" where it is legal and admitted."""

    name: str
    content: bytes
    reason: str


def uid_of(name: str) -> str:
    """A UID of its own for each kind, so that none is refused for being another."""
    return f"1.2.826.0.1.{zlib.crc32(name.encode())}"


def attributes(name: str, **changes: Any) -> dict[str, Any]:
    """The attributes of a film of 12 x 10 pixels of 12 bits; keywords replace them, None removes one."""
    told = {
        "SOPClassUID": DX, "SOPInstanceUID": uid_of(name), "StudyInstanceUID": uid_of(f"study {name}"),
        "SeriesInstanceUID": uid_of(f"series {name}"), "Modality": "DX", "PatientID": "MRN-4711",
        "PatientName": "Zanzibar^Quentin", "ReferringPhysicianName": "Wobble", "PatientSex": "F",
        "PatientAge": "063Y", "StudyDate": "20240301", "RequestAttributesSequence": [{"PatientID": "MRN-4711"}],
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": ROWS, "Columns": COLUMNS,
        "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
        "PixelData": pixels(name),
    }  # fmt: skip
    return {keyword: value for keyword, value in (told | changes).items() if value is not None}


def pixels(name: str) -> bytes:
    """Values of 12 bits that differ from kind to kind."""
    seed = zlib.crc32(name.encode())
    return b"".join(pack("<H", (seed >> at % 20) + 31 * at & 0xFFF) for at in range(ROWS * COLUMNS))


def film(name: str, syntax: str | None = EXPLICIT, behind: bytes = b"", **changes: Any) -> bytes:
    """A file of these attributes that declares a transfer syntax, with raw bytes `behind` them."""
    return wrapped(data_set(attributes(name, **changes)) + behind, syntax)


def wrapped(body: bytes, syntax: str | None = EXPLICIT) -> bytes:
    """A data set, encoded in any way, behind a preamble and meta information (PS3.10 7.1)."""
    meta = {"MediaStorageSOPClassUID": DX} | ({"TransferSyntaxUID": syntax} if syntax else {})
    return part10(meta, body)


def inserted(name: str, raw: bytes, before: str = "Rows", **changes: Any) -> bytes:
    """A film with raw bytes in front of one of its attributes."""
    told = attributes(name, **changes)
    mark = data_set({before: told[before]})
    head, tail = data_set(told).split(mark, 1)
    return wrapped(head + raw + mark + tail)


def replaced(name: str, keyword: str, raw: bytes) -> bytes:
    """A film in which the whole element of an attribute is other bytes."""
    told = attributes(name)
    return wrapped(data_set(told).replace(data_set({keyword: told[keyword]}), raw, 1))


def raw_element(group: int, number: int, vr: bytes, length: int, value: bytes = b"") -> bytes:
    """An explicit element that may lie about its length; long VRs get the wide form (PS3.5 7.1.2)."""
    wide = vr in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC")
    size = pack("<HI", 0, length) if wide else pack("<H", length & 0xFFFF)
    return pack("<HH", group, number) + vr + size + value


def implicit(told: dict[str, Any]) -> bytes:
    """The attributes but for sequences, as Implicit VR Little Endian."""
    body = b""
    for keyword in told:
        if keyword == "RequestAttributesSequence":
            continue
        body += _without_vr(data_set({keyword: told[keyword]}))
    return body


def _without_vr(one: bytes) -> bytes:
    wide = one[4:6] in (b"OB", b"OW", b"SQ", b"UN", b"UT")
    return one[:4] + (one[8:] if wide else pack("<I", len(one) - 8) + one[8:])


def encapsulated(name: str, syntax: str, fragments: list[bytes], end: bytes = SEQUENCE_END, **changes: Any) -> bytes:
    """A film whose pixels are fragments behind an empty offset table (PS3.5 A.4)."""
    told = attributes(name, **{"PixelData": None, **changes})
    items = b"".join(item(one) for one in (b"", *fragments))
    return wrapped(data_set(told) + raw_element(0x7FE0, 0x0010, b"OB", 0xFFFFFFFF, items + end), syntax)


def item(content: bytes) -> bytes:
    """One fragment, padded to an even length."""
    content += b"\0" * (len(content) % 2)
    return b"\xfe\xff\x00\xe0" + pack("<I", len(content)) + content


def deflate(body: bytes, zeros: int = 0) -> bytes:
    """A raw deflate stream of a body and of `zeros` MiB, built from one block so that a bomb costs nothing."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packer.compress(body) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return stream + block * zeros + packer.flush()


def rle(name: str) -> bytes:
    """The film's pixels as two RLE segments of literal runs, high bytes first (PS3.5 G)."""
    raw = pixels(name)
    segments = [_literal(raw[1::2]), _literal(raw[0::2])]
    starts = [64, 64 + len(segments[0])]
    return pack("<16I", 2, *starts, *[0] * 13) + b"".join(segments)


def _literal(content: bytes) -> bytes:
    packed = bytes([len(content) - 1]) + content
    return packed + b"\0" * (len(packed) % 2)
