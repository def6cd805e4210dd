"""MedMNIST's greyscale chest and breast sets as .npz files (Yang et al., Scientific Data 2023).

The sets tell no patient. Equal images count as one patient, because some stand in two of the published splits;
those splits are not kept, for radloop splits by patient itself.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from radloop.bounds import HEADER, MIB, bounded, decoding, require_decodable
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.sizes import allowed_mib
from radloop.errors import ConfigurationError, StudyRejected
from radloop.png import encode_png
from radloop.records import Arrival, Rejection
from radloop.sources.instance import pixel_sha256, png_arrival, rejection
from radloop.sources.spread import spread

LARGEST_MIB = 16 * 1024  # of all images of one file; the largest of the published sets has 5,400
SPLITS = ("train", "val", "test")
#: Findings of each set in the order of its labels; several labels of one image may hold at once.
CHEST = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
)  # fmt: skip
#: One label per image: what each of its values means.
ONE_OF = {"pneumoniamnist": ((), ("Pneumonia",)), "breastmnist": (("Malignant",), ())}
ANY_OF = {"chestmnist": CHEST}
BODY_PART = {"pneumoniamnist": "CHEST", "chestmnist": "CHEST", "breastmnist": "BREAST"}


#: What Python raises for a damaged archive, member or array.
_DAMAGE = (OSError, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class _Part:
    """One published split: where its uint8 images lie, the shape of one, and all labels [n, labels]."""

    path: Path
    collection: str
    split: str
    shape: tuple[int, ...]
    labels: np.ndarray

    @property
    def bytes_each(self) -> int:
        return prod(self.shape)


class MedMnist:
    """Every image of every known .npz of a folder: by file, then split, then order.

    Images are read one after the other out of the archive, which is never unpacked as a whole.
    Raises ConfigurationError for a file that is no such set.
    """

    name = "medmnist"

    def __init__(self, folder: Path, pseudonyms: Pseudonyms, workers: int = 0) -> None:
        self._pseudonyms, self._workers = pseudonyms, workers
        files = sorted(folder.glob("*.npz"))
        if not files:
            raise ConfigurationError(f"{folder} holds no .npz", "put a set of MedMNIST there")
        self._parts: list[_Part] = []
        for found in spread(_Sets(files), min(workers, 1)):
            if isinstance(found, ConfigurationError):
                raise found
            self._parts += found
        self._images = _Images()

    def __len__(self) -> int:
        return sum(len(part.labels) for part in self._parts)

    def __iter__(self) -> Iterator[Arrival | Rejection]:
        return spread(self, self._workers)

    def read(self, position: int) -> Arrival | Rejection:
        """The image at `position`, which costs little where it lies behind the last one that was read."""
        part, index = self._place(position)
        content = b""
        try:
            require_decodable(part.bytes_each / MIB, allowed_mib(None, self._pseudonyms.profile.knobs))
            content = self._images.read(part, index)
            with bounded(decoding(len(content) / MIB)):
                return self._take(part, index, np.frombuffer(content, np.uint8).reshape(part.shape))
        except StudyRejected as refusal:
            return self._refuse(refusal, position, content)

    def refuse(self, position: int, refusal: StudyRejected) -> Rejection:
        """What is kept of an image that could not be read: its place."""
        return self._refuse(refusal, position, b"")

    def _place(self, position: int) -> tuple[_Part, int]:
        for part in self._parts:
            if position < len(part.labels):
                return part, position
            position -= len(part.labels)
        raise IndexError(position)

    def _name(self, part: _Part, index: int) -> str:
        return f"{self.name}:{part.collection}:{part.split}:{index}"

    def _refuse(self, refusal: StudyRejected, position: int, content: bytes) -> Rejection:
        name = self._name(*self._place(position))
        return rejection(refusal, self._pseudonyms, self.name, name=name, content=content, position=position)

    def _take(self, part: _Part, index: int, pixels: np.ndarray) -> Arrival:
        name = self._name(part, index)
        if pixels.ndim != 2:
            raise StudyRejected("colour", "the image is not greyscale.", "choose another set")
        own = f"{self.name}:{pixel_sha256(pixels)}"
        return png_arrival(
            encode_png(pixels),
            pixels,
            self.name,
            self._pseudonyms.uid(name),
            patient_id=self._pseudonyms.patient(own),
            study_id=self._pseudonyms.study(name),
            body_part=BODY_PART[part.collection],
            findings=_findings(part.collection, part.labels[index]),
        )


class _Images:
    """The images of one part at a time, read forward; it stays behind where its owner goes to another process."""

    def __init__(self) -> None:
        self._part: _Part | None = None
        self._stream: IO[bytes] | None = None
        self._next = 0

    def __reduce__(self) -> tuple[type[_Images], tuple[()]]:
        return _Images, ()

    def read(self, part: _Part, index: int) -> bytes:
        """Raises StudyRejected where the archive is damaged before the end of this image."""
        if self._part is not part or index < self._next:
            if self._stream is not None:
                self._stream.close()
            self._part, self._stream, self._next = part, None, 0
        ahead = (index - self._next) * part.bytes_each
        try:
            with bounded(decoding((ahead + part.bytes_each) / MIB)):
                return self._forward(part, index, ahead)
        except _DAMAGE as error:
            damage = f"the archive is damaged ({type(error).__name__})."
            raise StudyRejected("unreadable_npz", damage, "fetch it again") from None

    def _forward(self, part: _Part, index: int, ahead: int) -> bytes:
        if self._stream is None:
            archive = zipfile.ZipFile(part.path)  # left open, with its member: the next image is read on from here
            self._stream = archive.open(f"{part.split}_images.npy")
            _array_header(self._stream)
        _skip(self._stream, ahead)
        self._next = index + 1
        return _exactly(self._stream, part.bytes_each)


class _Sets:
    """The .npz files of a folder, each looked at in the process that reads it."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def read(self, position: int) -> list[_Part] | ConfigurationError:
        """Its parts, or why it is no set of MedMNIST."""
        try:
            return _parts(self._files[position])
        except ConfigurationError as error:
            return error
        except StudyRejected as refusal:
            return self.refuse(position, refusal)

    def refuse(self, position: int, refusal: StudyRejected) -> ConfigurationError:
        """The same for a file that cannot be looked at."""
        name = self._files[position].name
        return ConfigurationError(f"{name} cannot be read ({refusal.reason}): {refusal.message}", refusal.next_step)


def _parts(path: Path) -> list[_Part]:
    collection = re.sub(r"_\d+$", "", path.stem)  # the larger sizes say so in their names
    if collection not in BODY_PART:
        raise ConfigurationError(
            f"{path.name} is no set that radloop knows", f"known: {', '.join(sorted(BODY_PART))}; remove the others"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            return [_part(archive, path, collection, split) for split in SPLITS]
    except _DAMAGE as error:
        raise ConfigurationError(f"{path.name} cannot be read ({type(error).__name__})", "fetch it again") from None


def _part(archive: zipfile.ZipFile, path: Path, collection: str, split: str) -> _Part:
    images, labels = f"{split}_images.npy", f"{split}_labels.npy"
    with bounded(HEADER):
        shape, kind = _head(archive, images)
        of_labels, _ = _head(archive, labels)
        most = max(map(len, (CHEST, *ONE_OF.values())))
        fits = len(of_labels) == 2 and of_labels[:1] == shape[:1] and of_labels[1] <= most
        if not fits or kind != np.uint8:
            raise ConfigurationError(f"{path.name} has not the arrays of MedMNIST", "fetch it again")
        require_decodable(prod(shape) / MIB, LARGEST_MIB)
        with archive.open(labels) as stream:
            told = npy.read_array(stream, allow_pickle=False)
    with bounded(decoding(prod(shape) / MIB)), archive.open(images) as stream:
        _array_header(stream)
        _skip(stream, prod(shape))
        if stream.read(1):  # reading to the end is what has the checksum looked at
            raise EOFError
    return _Part(path, collection, split, shape[1:], told)


def _head(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with archive.open(name) as stream:
        return _array_header(stream)


def _array_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array that follows. Raises ValueError where it is none, or one of Python's objects."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, fortran, kind = read(stream)
    except (TokenError, SyntaxError, RecursionError) as error:  # of the reader of old headers that numpy tries last
        raise ValueError("not the header of an array") from error
    if kind.hasobject or (fortran and len(shape) > 1) or any(side < 0 for side in shape):
        raise ValueError("not an array of numbers in C order")
    return shape, kind


def _skip(stream: IO[bytes], length: int) -> None:
    while length:
        length -= len(_exactly(stream, min(length, MIB)))


def _exactly(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def _findings(collection: str, labels: np.ndarray) -> list[str]:
    if collection in ANY_OF:
        known = ANY_OF[collection]
        if len(labels) != len(known) or not np.isin(labels, (0, 1)).all():
            raise StudyRejected("unknown_label", "the labels are not one 0 or 1 per finding.", "fetch it again")
        return [finding for finding, label in zip(known, labels, strict=True) if label]
    meanings = ONE_OF[collection]
    if len(labels) != 1 or not 0 <= int(labels[0]) < len(meanings):
        raise StudyRejected("unknown_label", "the label is none of the set's.", "fetch it again")
    return list(meanings[int(labels[0])])
