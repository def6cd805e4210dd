"""NIfTI images with their masks: folders of the Medical Segmentation Decathlon, and pairs by manifest or by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np

from radloop.bounds import MIB, bounded, decoding
from radloop.dicom.orientation import orientation_of
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.sizes import allowed_mib
from radloop.dicom.values import age_in_years, sex_code
from radloop.errors import ConfigurationError
from radloop.files import sha256
from radloop.nifti import CONTENT_TYPE, Nifti, clean_nifti
from radloop.records import Arrival, Record
from radloop.sources.file_source import FileSource
from radloop.sources.instance import record_id
from radloop.sources.tables import read_table

_VALUE = 8  # bytes of a voxel as a number
MANIFEST = "manifest.csv"
COLUMNS = ("patient", "image", "mask", "modality")
_SUFFIXES = (".nii.gz", ".nii")
_MODALITIES = {"CT": "CT", "MR": "MR", "MRI": "MR", "PET": "PT", "PT": "PT"}  # DICOM's code by how a name begins
DATASET = "dataset.json"
_SEQUENCES = dict.fromkeys(("FLAIR", "T1W", "T1GD", "T2W", "T2", "ADC", "T1"), "MR")  # which the Decathlon tells too


@dataclass(frozen=True)
class _Item:
    """What is known of one file before it is read; `of` is the name of the image that a mask delineates."""

    patient: str
    of: str | None = None
    modality: str | None = None
    sex: str = ""
    age: str = ""
    site: str = ""


class NiftiPairs(FileSource):
    """Pairs that `manifest.csv` lists, else by convention `<patient>/<modality...>_{image,mask}.nii.gz`.

    The manifest has the columns patient, image, mask, modality and may have sex, age and site; a mask may be empty.
    Raises ConfigurationError where the manifest is malformed or a file lies outside the folder.
    """

    name = "nifti"

    def __init__(self, folder: Path, pseudonyms: Pseudonyms, manifest: Path | None = None, workers: int = 0) -> None:
        self._folder, self._pseudonyms, self._workers = folder, pseudonyms, workers
        table = manifest or folder / MANIFEST
        self._items = _listed(table) if manifest or table.is_file() else self._found(folder)
        self._files = list(self._items)
        if not self._files:
            raise ConfigurationError(f"{folder} holds no image of this layout", "see docs/concepts/volumes.md")
        _require_inside(folder, self._files)

    def _found(self, folder: Path) -> dict[str, _Item]:
        items: dict[str, _Item] = {}
        for suffix in _SUFFIXES:
            for path in sorted(folder.glob(f"*/*_image{suffix}")):
                mask = path.with_name(path.name.removesuffix(f"image{suffix}") + f"mask{suffix}")
                image, patient = str(path.relative_to(folder)), path.parent.name
                modality = _MODALITIES.get(path.name.split("_")[0].upper())
                items[image] = _Item(patient, None, modality)
                if mask.is_file():
                    items[str(mask.relative_to(folder))] = _Item(patient, image, modality)
        return items

    def _read(self, name: str, content: bytes | mmap) -> Arrival:
        item = self._items[name]
        stored, image = clean_nifti(bytes(content), allowed_mib(item.modality, self._pseudonyms.profile.knobs))
        with bounded(decoding(image.voxels.size * _VALUE / MIB)):
            if item.of:
                image.labels()  # asks that it is a mask
            return Arrival(self._record(name, item, stored, image), stored)

    def _record(self, name: str, item: _Item, stored: bytes, image: Nifti) -> Record:
        uid = self._uid(name)
        head = f"{image.voxels.shape}:{image.voxels.dtype.str[1:]}:".encode()
        return Record(
            record_id=record_id(uid),
            instance_uid=uid,
            source=self.name,
            content_type=CONTENT_TYPE,
            sha256=sha256(stored),
            pixel_sha256=sha256(head + image.voxels.tobytes(order="F")),
            rows=image.voxels.shape[1],
            columns=image.voxels.shape[0],
            frames=image.voxels.shape[2],
            bits_stored=8 * image.voxels.dtype.itemsize,
            photometric_interpretation="MONOCHROME2",
            pixel_spacing=float(np.linalg.norm(image.affine[:3, 1])),
            slice_thickness=float(np.linalg.norm(image.affine[:3, 2])),
            orientation=orientation_of(image.affine[:3, :2].T.ravel()),
            **self._described(item, name),
        )

    def _described(self, item: _Item, name: str) -> dict[str, Any]:
        return {
            "patient_id": self._pseudonyms.patient(item.patient),
            "study_id": self._pseudonyms.study(f"{self.name}:{item.patient}"),
            "series_id": self._pseudonyms.uid(f"series:{self.name}:{item.of or name}"),
            "role": "mask" if item.of else "image",
            "of": record_id(self._uid(item.of)) if item.of else None,
            "modality": item.modality,
            "sex": sex_code(item.sex),
            "age": age_in_years(item.age),
            "site": self._pseudonyms.site(item.site) if item.site else None,
        }

    def _uid(self, name: str) -> str:
        return self._pseudonyms.uid(f"{self.name}:{name}")


class Decathlon(NiftiPairs):
    """`imagesTr/` and `labelsTr/` of the Medical Segmentation Decathlon, paired by name; a name is a patient.

    What `imagesTs/` holds has no label and is read as images alone. The modality is that of `dataset.json`, where
    there is one. Raises ConfigurationError where that cannot be read.
    """

    name = "msd"

    def __init__(self, folder: Path, pseudonyms: Pseudonyms, workers: int = 0) -> None:
        super().__init__(folder, pseudonyms, workers=workers)

    def _found(self, folder: Path) -> dict[str, _Item]:
        items: dict[str, _Item] = {}
        modality = _told_modality(folder / DATASET)
        for part in ("imagesTr", "imagesTs"):
            for path in sorted((folder / part).glob("[!.]*.nii*")):
                patient = next((path.name.removesuffix(s) for s in _SUFFIXES if path.name.endswith(s)), None)
                if patient is None:
                    continue
                items[f"{part}/{path.name}"] = _Item(patient, None, modality)
                if part == "imagesTr" and (folder / "labelsTr" / path.name).is_file():
                    items[f"labelsTr/{path.name}"] = _Item(patient, f"{part}/{path.name}", modality)
        return items


def _told_modality(path: Path) -> str | None:
    """The one DICOM modality of all channels that a `dataset.json` lists; None where it tells none or several."""
    if not path.is_file():
        return None
    try:
        channels = json.loads(path.read_text(encoding="utf-8")).get("modality", {}).values()
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{path.name} cannot be read as a Decathlon's ({type(error).__name__})", "mend the file, or remove it"
        ) from None
    told = {(_MODALITIES | _SEQUENCES).get(str(channel).strip().upper()) for channel in channels}
    return told.pop() if len(told) == 1 else None


def _listed(table: Path) -> dict[str, _Item]:
    items: dict[str, _Item] = {}
    for place, row in read_table(table, COLUMNS):
        _list_row(items, row, place)
    return items


def _list_row(items: dict[str, _Item], row: dict[str, str], place: str) -> None:
    """Take one line of a manifest. Raises ConfigurationError where it lacks patient or image, or repeats a file."""
    facts = {name: row.get(name, "").strip() for name in ("patient", "modality", "sex", "age", "site")}
    image, mask = row["image"].strip(), row["mask"].strip()
    if not facts["patient"] or not image:
        raise ConfigurationError(f"{place} names no patient or no image", "fill both in")
    for name, of in ((image, None), (mask, image)):
        if name and name in items:
            raise ConfigurationError(f"{place} names a file a second time", "remove one of the lines")
        if name:
            told = {**facts, "modality": facts["modality"].upper() or None}
            items[name] = _Item(of=of, **told)  # type: ignore[arg-type]


def _require_inside(folder: Path, names: list[str]) -> None:
    """Raises ConfigurationError where a name or a link leads out of the folder: it could reach any file here."""
    root = folder.resolve()
    strangers = sum(not (folder / name).resolve().is_relative_to(root) for name in names)
    if strangers:
        raise ConfigurationError(f"{strangers} files lie outside of {folder}", "keep all files below the folder")
