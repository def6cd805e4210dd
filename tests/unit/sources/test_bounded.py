"""A file may end the process that reads it, never the reading."""

from __future__ import annotations

import io
import os
import signal
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radloop.bounds import Bound, bounded
from radloop.catalog import admit, read_quarantine
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected
from radloop.records import Arrival, Rejection
from radloop.sources import open_source
from radloop.sources.spread import spread

FileOf = Callable[[Dataset], bytes]


class Trap:
    """Items that do what hostile files make a reader do."""

    def __init__(self, deeds: list[str]) -> None:
        self._deeds = deeds

    def __len__(self) -> int:
        return len(self._deeds)

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        return Rejection("trap", "", "", refusal.reason, "", position)

    def read(self, position: int) -> Arrival | Rejection:
        deed = self._deeds[position]
        if deed == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        try:
            with bounded(Bound(0.5, 64)):
                if deed == "sleep":
                    time.sleep(30)
                if deed == "bomb":
                    np.ones(1 << 28, np.uint8)
                if deed == "inflate":
                    zlib.decompress(zlib.compress(bytes(1 << 24)) and zlib.compress(bytes(1 << 27)))
        except StudyRejected as refusal:
            return self.refuse(position, refusal)
        return self.refuse(position, StudyRejected("read", ""))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_kills_stalls_or_bloats_its_reader_is_refused_alone(workers: int) -> None:
    deeds = ["", "crash", "", "sleep", "bomb", "inflate", "", "crash"]
    found = [item.reason for item in spread(Trap(deeds), workers) if isinstance(item, Rejection)]
    wanted = ["read", "reader_died", "read", "too_slow", "too_much_memory", "too_much_memory", "read", "reader_died"]
    assert found == wanted


def deflated(film: Dataset, size: int) -> bytes:
    """A film under deflate whose comment is `size` bytes long and costs a thousandth of that."""
    from pydicom import dcmwrite
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    film.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    film.add_new(0x00091001, "OB", bytes(size))
    stream = io.BytesIO()
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    dcmwrite(stream, film, enforce_file_format=True)
    return stream.getvalue()


def test_hostile_files_are_quarantined_with_a_reason_and_the_film_behind_them_is_admitted(
    tmp_path: Path, dicom_folder: Callable[..., Path], film: Callable[..., Dataset], pseudonyms: Pseudonyms
) -> None:
    huge = film("1.2.3.4.5.8")
    huge.Rows = huge.Columns = 9999
    huge.BitsAllocated, huge.NumberOfFrames = 16, 1
    deep = b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 10_000
    folder = dicom_folder(
        a_bomb=deflated(film("1.2.3.4.5.7"), 700 << 20),
        b_deep=bytes(128) + b"DICM" + deep,
        c_short=huge,
        d_text=b"not DICOM at all",
        e_good=film(),
    )
    outcome = admit(tmp_path / "d", open_source("dicom_folder", folder, pseudonyms, workers=1))
    assert (outcome.admitted, outcome.quarantined) == (1, 4)
    reasons = read_quarantine(tmp_path / "d").sort_values("position")["reason"].tolist()
    assert reasons[0] in ("too_much_memory", "too_slow")
    assert reasons[1:] == ["unreadable_dicom", "truncated", "not_dicom"]
