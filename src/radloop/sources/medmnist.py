"""MedMNIST's greyscale chest and breast sets as .npz files (Yang et al., Scientific Data 2023).

The sets tell no patient. Equal images count as one patient, because some stand in two of the published splits;
those splits are not kept, for radloop splits by patient itself.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError, StudyRejected
from radloop.png import encode_png
from radloop.records import Arrival, Rejection
from radloop.sources.instance import pixel_sha256, png_arrival, rejection

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


@dataclass(frozen=True)
class _Part:
    """One published split: uint8 images [n, rows, columns] and their labels [n, labels]."""

    collection: str
    split: str
    images: np.ndarray
    labels: np.ndarray


class MedMnist:
    """Every image of every known .npz of a folder: by file, then split, then order.

    The whole set is held in memory. Raises ConfigurationError for a file that is no such set.
    """

    name = "medmnist"

    def __init__(self, folder: Path, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        files = sorted(folder.glob("*.npz"))
        if not files:
            raise ConfigurationError(f"{folder} holds no .npz", "put a set of MedMNIST there")
        self._parts = [part for file in files for part in _read(file)]

    def __len__(self) -> int:
        return sum(len(part.images) for part in self._parts)

    def __iter__(self) -> Iterator[Arrival | Rejection]:
        position = 0
        for part in self._parts:
            for index in range(len(part.images)):
                yield self._take(part, index, position)
                position += 1

    def _take(self, part: _Part, index: int, position: int) -> Arrival | Rejection:
        name = f"{self.name}:{part.collection}:{part.split}:{index}"
        pixels = np.ascontiguousarray(part.images[index])
        try:
            if pixels.ndim != 2:
                raise StudyRejected("colour", "the image is not greyscale.", "choose another set")
            findings = _findings(part.collection, part.labels[index])
        except StudyRejected as refusal:
            content = pixels.tobytes()
            return rejection(refusal, self._pseudonyms, self.name, name=name, content=content, position=position)
        own = f"{self.name}:{pixel_sha256(pixels)}"
        return png_arrival(
            encode_png(pixels),
            pixels,
            self.name,
            self._pseudonyms.uid(name),
            patient_id=self._pseudonyms.patient(own),
            study_id=self._pseudonyms.study(name),
            body_part=BODY_PART[part.collection],
            findings=findings,
        )


def _read(path: Path) -> list[_Part]:
    collection = re.sub(r"_\d+$", "", path.stem)  # the larger sizes say so in their names
    if collection not in BODY_PART:
        raise ConfigurationError(
            f"{path.name} is no set that radloop knows", f"known: {', '.join(sorted(BODY_PART))}; remove the others"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            parts = [_Part(collection, s, archive[f"{s}_images"], archive[f"{s}_labels"]) for s in SPLITS]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{path.name} cannot be read ({type(error).__name__})", "fetch it again") from None
    for part in parts:
        if part.images.dtype != np.uint8 or part.labels.ndim != 2 or len(part.images) != len(part.labels):
            raise ConfigurationError(f"{path.name} has not the arrays of MedMNIST", "fetch it again")
    return parts


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
