"""A large object passes through: what a process holds of it is a frame, by a limit that the kernel keeps."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import BreastTomosynthesisImageStorage, RLELossless

from radloop.bounds import MIB, hold_this_process
from radloop.catalog import admit, map_contents, read_catalog
from radloop.content import LARGE, Scratch, joined
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.quality.survey import survey
from radloop.sources import open_source

FileOf = Callable[[Dataset], bytes]
#: MiB beyond what the process holds before: one frame and what is made of it, which floats make large.
SPARE = {"CT": 32, "MG": 128}
SHAPES = {"CT": (300, 512, 512), "MG": (60, 2457, 1996)}


def write_object(path: Path, sent: Dataset, file_of: FileOf, modality: str, compressed: bool = False) -> int:
    """Write an object of invented frames, piece by piece where it is plain; returns its decoded bytes."""
    frames, rows, columns = SHAPES[modality]
    ramp = (np.add.outer(np.arange(rows), np.arange(columns)) % 4095).astype("<u2")
    sent.NumberOfFrames, sent.Rows, sent.Columns = frames, rows, columns
    if compressed:
        encode = get_encoder(RLELossless).encode
        told = {
            "rows": rows, "columns": columns, "bits_allocated": 16, "bits_stored": 12, "samples_per_pixel": 1,
            "pixel_representation": 0, "photometric_interpretation": "MONOCHROME2", "number_of_frames": 1,
        }  # fmt: skip
        streams = [encode(ramp + shift, encoding_plugin="pylibjpeg", **told) for shift in (0, 1)]
        sent.PixelData = encapsulate([streams[number % 2] for number in range(frames)])
        sent["PixelData"].VR, sent["PixelData"].is_undefined_length = "OB", True
        sent.file_meta.TransferSyntaxUID = RLELossless
        path.write_bytes(file_of(sent))
    else:
        sent.PixelData = ramp.tobytes() * frames
        path.write_bytes(file_of(sent))
    return frames * rows * columns * 2


def admitted_under_a_limit(folder: Path, snapshot: Path, size: int, spare: int, answers: Any) -> None:
    """In a process of its own: admit and survey all of a folder with `spare` MiB and no more."""
    hold_this_process()
    pseudonyms = Pseudonyms(b"a key that only this test knows....")
    first = open_source("dicom_folder", folder.parent / "first", pseudonyms)
    admit(snapshot.parent / "first snapshot", first)  # what libraries keep for themselves is no object's
    survey(snapshot.parent / "first snapshot", read_catalog(snapshot.parent / "first snapshot"), workers=0)
    source = open_source("dicom_folder", folder, pseudonyms)
    held = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmData"))  # noqa: SIM115, PTH123
    resource.setrlimit(resource.RLIMIT_DATA, (held + spare * MIB, held + spare * MIB))
    try:
        np.ones(size, np.uint8)
        answers.put("the limit does not bite")
    except MemoryError:
        outcome = admit(snapshot, source)
        films = survey(snapshot, read_catalog(snapshot), workers=0)
        answers.put((outcome.admitted, outcome.quarantined, films["unreadable"].tolist()))


def told_by_a_process(*arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=admitted_under_a_limit, args=(*arguments, answers))
    process.start()
    process.join(300)
    assert process.exitcode == 0, "the process ended over it"
    return answers.get(timeout=10)


def two_folders(folder: Path, film: Callable[..., Dataset], file_of: FileOf) -> None:
    """One with a small film to begin with, and one for the object."""
    for name in ("first", "films"):
        (folder / name).mkdir()
    (folder / "first" / "film").write_bytes(file_of(film("1.2.3.4.5.66")))


def tomosynthesis(film: Callable[..., Dataset]) -> Dataset:
    return film(SOPClassUID=BreastTomosynthesisImageStorage, Modality="MG", BodyPartExamined="BREAST")


@pytest.mark.parametrize("compressed", [False, True])
def test_three_hundred_slices_in_one_object_are_admitted_in_the_memory_of_few(
    tmp_path: Path, film: Callable[..., Dataset], file_of: FileOf, compressed: bool
) -> None:
    two_folders(tmp_path, film, file_of)
    sent = film(Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", RescaleSlope="1", RescaleIntercept="-1024")
    size = write_object(tmp_path / "films" / "ct", sent, file_of, "CT", compressed)
    assert (tmp_path / "films" / "ct").stat().st_size > LARGE and size > SPARE["CT"] * MIB
    assert told_by_a_process(tmp_path / "films", tmp_path / "d", size, SPARE["CT"]) == (1, 0, [None])
    row = read_catalog(tmp_path / "d").iloc[0]
    assert (row["frames"], row["length"] > size) == (300, True)


@pytest.mark.slow
def test_a_tomosynthesis_is_admitted_in_the_memory_of_few_of_its_frames(
    tmp_path: Path, film: Callable[..., Dataset], file_of: FileOf
) -> None:
    two_folders(tmp_path, film, file_of)
    size = write_object(tmp_path / "films" / "mg", tomosynthesis(film), file_of, "MG")
    assert size > 2 * SPARE["MG"] * MIB
    assert told_by_a_process(tmp_path / "films", tmp_path / "d", size, SPARE["MG"]) == (1, 0, [None])


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_laid_on_the_disk_is_stored_as_what_is_held_and_leaves_no_trace(
    tmp_path: Path, film: Callable[..., Dataset], dicom_folder: Callable[..., Path], pseudonyms: Pseudonyms,
    monkeypatch: pytest.MonkeyPatch, workers: int,
) -> None:  # fmt: skip
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "scratch").mkdir()
    pixels = np.random.default_rng(0).integers(0, 4096, (40, 1024, 1024)).astype("<u2").tobytes()
    sent = film(NumberOfFrames=40, Rows=1024, Columns=1024, Modality="CT", PixelData=pixels)
    assert len(pixels) > LARGE
    folder = dicom_folder(loop=sent, film=film("1.2.3.4.5.77"))
    assert admit(tmp_path / "d", open_source("dicom_folder", folder, pseudonyms, workers=workers)).admitted == 2
    rows = read_catalog(tmp_path / "d").sort_values("length", ignore_index=True)
    (_, small), (_, large) = sorted(map_contents(tmp_path / "d", rows))
    assert isinstance(small, bytes) and isinstance(large, memoryview)
    assert large[-len(pixels) :] == pixels
    assert not list((tmp_path / "scratch").glob("radloop-*"))


def test_a_scratch_file_of_a_killed_process_is_swept_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("radloop.content.LARGE", 8)
    gone = multiprocessing.get_context("spawn").Process(target=os.getpid)
    gone.start()
    gone.join()
    orphan, own = tmp_path / f"radloop-scratch-{gone.pid}-x", tmp_path / f"radloop-scratch-{os.getpid()}-x"
    orphan.write_bytes(b"left")
    own.write_bytes(b"in use")
    content = joined([b"01234", b"56789"], 10)
    assert isinstance(content, Scratch) and content[:] == b"0123456789"
    assert not orphan.exists() and own.exists()
    del content
    assert [path.name for path in tmp_path.iterdir()] == [own.name]


def test_a_scratch_folder_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr("radloop.content.LARGE", 8)
    with pytest.raises(ConfigurationError, match="TMPDIR"):
        joined([b"0123456789"], 10)
