"""Simulated chest films with planted identities: enough like films for every gate from ingest to monitoring."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from radloop.sections.intake import Deidentify
from radloop.selftest.generate import needles_of
from radloop.selftest.invented import Identity
from radloop.selftest.key import Action
from radloop.selftest.patients import annotate, hide, identify, nest, part10
from radloop.selftest.planting import Planter
from radloop.simulate.hospital import simulate
from radloop.simulate.knobs import Hospital
from radloop.sources.dicom_folder import COLUMNS, LABELS

SIDE, PREVALENCE = 128, 0.5
PERIOD, FINDING = 16, "Pneumonia"  # of the stripes, in pixels, and what they go with


def plant_films(
    folder: Path, patients: range, seed: int, knobs: Deidentify, progress: Callable[[int], None] = lambda _: None
) -> set[str]:
    """Write one film of each patient below `folder`, and their labels; return every planted string."""
    hospital = Hospital(
        seed=seed, image_size=SIDE, prevalence=PREVALENCE, portable_if_ill=0.0, first_patient=patients.start
    )
    folder.mkdir(parents=True)
    actions: list[Action] = []
    with TemporaryDirectory() as drawn:
        simulate(hospital, len(patients), Path(drawn) / "films", workers=1, progress=progress)
        findings = _findings(Path(drawn) / "films" / LABELS)
        rows = []
        for patient, film in zip(patients, sorted((Path(drawn) / "films").glob("*.dcm")), strict=True):
            data = pydicom.dcmread(film)
            found = findings[str(data.SOPInstanceUID)]
            if FINDING in found:
                data.PixelData = _striped(data.pixel_array).tobytes()
            _plant(folder, data, Identity(seed, patient), knobs, actions)
            rows.append((data.SOPInstanceUID, found))
    with (folder / LABELS).open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    return needles_of(patients, seed, actions)


def _plant(folder: Path, data: Dataset, who: Identity, knobs: Deidentify, actions: list[Action]) -> None:
    """Write one film with the identity of `who`, under a name that tells it."""
    file = Path(f"{who.words['family']}_{who.number}", f"{who.day(0):%Y-%m-%d}", f"IM_{who.words['given']}")
    data.remove_private_tags()
    planter = Planter(data, who, str(file), knobs, actions)
    identify(planter, 0, 0, "DX")
    annotate(planter, 0)
    nest(planter, 0, 0)
    hide(planter)
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_bytes(part10(data, who, who.patient % 3))


def _striped(pixels: np.ndarray) -> np.ndarray:
    """Stripes that the smallest network learns to see in a minute, so that the evaluation's gate opens."""
    wave = np.sign(np.sin(np.arange(pixels.shape[1]) * 2 * np.pi / PERIOD + 0.1))
    striped: np.ndarray = np.clip(pixels + 0.2 * np.ptp(pixels.astype(float)) * wave, 0, 4095).astype("<u2")
    return striped


def _findings(table: Path) -> dict[str, str]:
    with table.open(newline="", encoding="utf-8") as stream:
        return {row[COLUMNS[0]]: row[COLUMNS[1]] for row in csv.DictReader(stream)}
