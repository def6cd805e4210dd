"""Instances built in memory, and a spool to land them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.simulate.dicom_encode import data_set
from radloop.sources.spool import Spool
from radloop.sources.wire import Instance, from_wire

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


def encoded(uid: str = "1.2.3.1", study: str = "1.2.3", seed: int = 0, side: int = 16, **more: str) -> bytes:
    """The data set of a CT slice of a patient with a name; `seed` makes other pixels, `more` attributes are added."""
    pixels = np.random.default_rng(seed).integers(0, 4096, (side, side)).astype("<u2")
    return data_set(
        {
            "SOPClassUID": CT, "SOPInstanceUID": uid, "StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.9",
            "PatientID": "MRN-4711", "PatientName": "Zanzibar^Quentin", "Modality": "CT", "Rows": side,
            "Columns": side, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16,
            "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0, "PixelData": pixels.tobytes(),
            **more,
        }
    )  # fmt: skip


@pytest.fixture
def dataset() -> Callable[..., bytes]:
    """Encode a data set as Explicit VR Little Endian."""
    return encoded


@pytest.fixture
def slice_of() -> Callable[..., Instance]:
    """Make an instance."""
    return lambda *args, **kwargs: from_wire(encoded(*args, **kwargs), EXPLICIT)


@pytest.fixture
def spool(tmp_path: Path, pseudonyms: Pseudonyms) -> Iterator[Spool]:
    """An empty spool."""
    with Spool(tmp_path / "spool", pseudonyms) as made:
        yield made
