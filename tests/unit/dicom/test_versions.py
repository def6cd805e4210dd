"""A version keeps its release and loses whoever signed it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom.dataset import Dataset

from radloop.dicom.deidentify import deidentify
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.dicom.versions import release

Film, FileOf = Callable[..., Dataset], Callable[[Dataset], bytes]


@pytest.mark.parametrize(
    "text",
    [
        "syngo.via VB10A", "syngo MR 2004V 4VB11D", "LightSpeedverrel", "gmp_vct.42", "V3.51*P25", "28.0_M5_2005.a",
        "NUMARIS/4", "EPIQ 7C_1.7.1.24", "coreload.81", "RTNC1", "softwareV1", "0d533f1",
        "DICOMLib Ver02.00.00[20010925]",
        "00-2.0.0(29Oct)", "version 1", "b", "MR Software release:28.0", "R6.1", "",
    ],
)  # fmt: skip
def test_a_release_stays_letter_by_letter(text: str) -> None:
    assert release(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("VB40 Zorvexqui", "VB40"),
        ("syngo.via VB10A (serviced by H. Wobble)", "syngo.via VB10A by H"),
        ("VB40.Wobble", "VB40"),
        ("Wobble2019", ""),
        ("KimLeePark7", ""),
        ("2.0 김", "2.0"),
        ("1.2_Müller", "1.2"),
        ("WOBBLE", ""),
    ],
)
def test_a_word_that_is_of_no_release_goes(text: str, left: str) -> None:
    assert release(text) == left


def test_the_stored_version_names_no_engineer_in_any_of_its_values(
    film: Film, file_of: FileOf, pseudonyms: Pseudonyms
) -> None:
    raw = film(SoftwareVersions=["VB40 Gribble", "2.6.3"], SecondaryCaptureDeviceSoftwareVersions="Gribble")
    clean = deidentify(read_dicom(file_of(raw)), pseudonyms)
    assert list(clean.SoftwareVersions) == ["VB40", "2.6.3"]
    assert "SecondaryCaptureDeviceSoftwareVersions" not in clean
