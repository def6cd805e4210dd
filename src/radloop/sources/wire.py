"""An instance as it comes over the wire: its UIDs, and the one file that is kept of it.

The file is the same whichever way the instance came: the data set's bytes as they were sent, behind meta
information (PS3.10 7.1) that names no sender. So equal content is an equal file with an equal hash.
"""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from struct import pack

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from radloop.errors import StudyRejected

Bytes = bytes | memoryview

#: Never to be changed: another value would make every instance that comes again look like a different one.
IMPLEMENTATION, VERSION_NAME = "2.25.209137457705916942804603269120636824666", "RADLOOP"
STUDY_INSTANCE_UID = 0x0020000D
_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")
_TOLERATED = re.compile(r"[0-9.]{1,64}")  # leading zeros are forbidden and common
_START = 4 << 20  # bytes in which the UIDs are looked for, so that a film of a gigabyte is not copied


@dataclass(frozen=True)
class Instance:
    """One DICOM instance with its data set as encoded bytes; the UIDs are the sender's own, not for any log."""

    sop_class: str
    uid: str
    study: str
    transfer_syntax: str
    dataset: Bytes

    @cached_property
    def head(self) -> bytes:
        """Preamble and file meta information."""
        meta = pack("<HH2sHI2s", 2, 1, b"OB", 0, 2, b"\0\1")
        uids = {2: self.sop_class, 3: self.uid, 0x10: self.transfer_syntax, 0x12: IMPLEMENTATION}
        meta += b"".join(_element(element, b"UI", uid, b"\0") for element, uid in uids.items())
        meta += _element(0x13, b"SH", VERSION_NAME, b" ")
        return b"\0" * 128 + b"DICM" + pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta

    @cached_property
    def sha256(self) -> str:
        """Hex SHA-256 of the file."""
        digest = hashlib.sha256(self.head)
        digest.update(self.dataset)
        return digest.hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.head) + len(self.dataset)


def from_wire(dataset: Bytes, transfer_syntax: str) -> Instance:
    """An instance of a data set that was sent without meta information (PS3.7 9.1.1, PS3.8).

    Raises StudyRejected where it cannot be parsed or lacks one of its UIDs.
    """
    header = _header(dataset, UID(transfer_syntax))
    uids = [str(header.get(keyword) or "").strip(" \0") for keyword in _UIDS]
    for keyword, uid in zip(_UIDS, uids, strict=True):
        if not uid:
            raise StudyRejected(f"no_{keyword}", f"{keyword} is missing or empty.", "send it with this attribute")
        if not is_uid(uid):
            raise StudyRejected(f"bad_{keyword}", f"{keyword} is no UID (PS3.5 9.1).", "correct it and send again")
    sop_class, uid, study = uids
    return Instance(sop_class, uid, study, transfer_syntax, dataset)


def from_file(content: bytes) -> Instance:
    """An instance of a DICOM file; what its own meta information tells beyond the transfer syntax is dropped.

    Raises StudyRejected where it is no such file, and as `from_wire` does.
    """
    stream = io.BytesIO(content)
    try:
        read_preamble(stream, force=False)
        meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
        syntax = str(meta["TransferSyntaxUID"].value)
    except Exception:  # a parser of foreign bytes fails in any way, and its message may quote a name
        raise StudyRejected("not_dicom", "the bytes are no DICOM file.", "check the source") from None
    return from_wire(memoryview(content)[stream.tell() :], syntax)


def is_uid(text: str) -> bool:
    """Whether a text may be a UID (PS3.5 9.1), leading zeros let pass."""
    return _TOLERATED.fullmatch(text) is not None


def _header(dataset: Bytes, syntax: UID) -> Dataset:
    """Attributes up to the StudyInstanceUID."""
    try:
        deflated = syntax == DeflatedExplicitVRLittleEndian
        start = zlib.decompressobj(-15).decompress(dataset, _START) if deflated else dataset[:_START]
        return read_dataset(
            io.BytesIO(start),
            syntax == ImplicitVRLittleEndian,
            syntax != ExplicitVRBigEndian,
            stop_when=lambda tag, vr, length: tag > STUDY_INSTANCE_UID,
        )
    except Exception:  # as above
        raise StudyRejected("unreadable_dicom", "the data set cannot be parsed.", "check the sender") from None


def _element(element: int, vr: bytes, value: str, padding: bytes) -> bytes:
    content = value.encode("ascii")
    content += padding * (len(content) % 2)
    return pack("<HH2sH", 2, element, vr, len(content)) + content
