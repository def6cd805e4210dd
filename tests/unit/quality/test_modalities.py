from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from radloop.quality.modalities import suite_of

DICOM, NIFTI = {"content_type": "application/dicom"}, {"content_type": "application/nifti"}


@pytest.mark.parametrize(
    ("row", "suite"),
    [
        ({}, "films"), ({**DICOM, "modality": "DX"}, "films"), ({**DICOM, "modality": "CR"}, "films"),
        ({**DICOM, "modality": "CT"}, "ct"), ({**NIFTI, "modality": "MR"}, "mr"), ({**DICOM, "modality": "PT"}, "pt"),
        (NIFTI, "volumes"), ({**NIFTI, "modality": "OT"}, "volumes"), ({**DICOM, "modality": "US"}, "ultrasound"),
        ({"modality": "CT"}, "films"), ({**NIFTI, "modality": "CT", "role": "mask"}, "masks"),
        ({**DICOM, "modality": "SEG", "role": "mask"}, "masks"), ({**DICOM, "modality": "MR", "role": "image"}, "mr"),
    ],
)  # fmt: skip
def test_a_row_is_judged_by_the_suite_of_its_role_its_file_and_its_modality(
    catalog: Callable[..., pd.DataFrame], row: dict[str, Any], suite: str
) -> None:
    assert suite_of(catalog({}, row)).tolist() == ["films", suite]
