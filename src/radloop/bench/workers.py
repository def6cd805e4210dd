"""How many files a second the ordinary source hands over, de-identified, with held processes and without."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pydicom
from pydicom.encaps import encapsulate

from radloop.bench.clock import load, met
from radloop.bench.decode import JPEG, JPEG_2000, encoded
from radloop.bench.setting import KEY
from radloop.bench.slices import SIDE, slice_file
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import RadloopError
from radloop.files import sha256
from radloop.records import Arrival
from radloop.sources.dicom_folder import DicomFolder

KINDS = 20  # different slices; the rest of a folder are links to them
LEAST = 1.7  # how many times the files a second of one worker two should hand over, where pixels are decoded
UNLIKE = "the bench compares unlike things: mend it before its figures are used"
SYNTAXES = {"JPEG lossless": JPEG, "JPEG 2000": JPEG_2000, "uncompressed": ""}


@dataclass(frozen=True)
class Workers:
    """Files a second of one folder with 0, 1 and 2 held processes, their start included; medians of turns.

    `cpu` is the milliseconds of CPU a file, of all processes, for each of the three: what handing over costs in all.
    `by_cpu` is the gain that this CPU would allow on two free cores, for a machine whose cores are not free.
    """

    files: int
    syntax: str
    none: float
    one: float
    two: float
    cpu: str
    gain: float
    by_cpu: float
    goal: str
    load: float


def time_workers(folder: Path, syntax: str, files: int, turns: int) -> Workers:
    """One folder of CT slices. Raises RadloopError where the arrivals depend on the number of workers."""
    paths = _write(folder, SYNTAXES[syntax], files)
    seen: dict[int, list[float]] = {0: [], 1: [], 2: []}
    spent: dict[int, list[float]] = {0: [], 1: [], 2: []}
    readers: dict[int, list[float]] = {0: [], 1: [], 2: []}  # of what is spent: all but this process
    told: set[str] = set()
    for _ in range(turns):
        for workers, rates in seen.items():
            began, before, own = time.perf_counter(), sum(os.times()[:4]), time.process_time()
            digest = sha256("".join(_arrived(folder, workers)).encode())
            rates.append(len(paths) / (time.perf_counter() - began))
            spent[workers].append(1e3 * (sum(os.times()[:4]) - before) / len(paths))
            readers[workers].append(spent[workers][-1] - 1e3 * (time.process_time() - own) / len(paths))
            told.add(digest)
    if len(told) != 1:
        raise RadloopError("what arrives depends on the number of workers", UNLIKE)
    gain = median(two / one for one, two in zip(seen[1], seen[2], strict=True))
    goal = f"at least {LEAST:g}: {met(gain >= LEAST)}" if SYNTAXES[syntax] else ""
    none, one, two = (median(rates) for rates in seen.values())
    cpu = " ".join(f"{median(times):.2f}" for times in spent.values())
    by_cpu = median(alone / (both / 2) for alone, both in zip(readers[1], spent[2], strict=True))
    return Workers(files, syntax, none, one, two, cpu, gain, by_cpu, goal, load())


def _arrived(folder: Path, workers: int) -> Iterator[str]:
    for item in DicomFolder(folder, Pseudonyms(KEY, Profile()), workers=workers):
        if not isinstance(item, Arrival):
            raise RadloopError(f"a slice of this bench is refused: {item.reason}", UNLIKE)
        yield item.record.sha256


def _write(folder: Path, syntax: str, files: int) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number:06}.dcm" for number in range(files)]
    for number, path in enumerate(paths):
        if number < KINDS:
            content = slice_file(number, SIDE)
            path.write_bytes(_squeezed(content, syntax) if syntax else content)
        else:
            os.link(paths[number % KINDS], path)
    return paths


def _squeezed(content: bytes, syntax: str) -> bytes:
    found, stream = pydicom.dcmread(io.BytesIO(content)), io.BytesIO()
    found.PixelData = encapsulate([encoded(found.pixel_array, syntax, found.BitsStored)])
    found["PixelData"].VR, found["PixelData"].is_undefined_length = "OB", True
    found.file_meta.TransferSyntaxUID = syntax
    found.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
