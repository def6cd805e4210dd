"""Both ways to take identity off agree on real CT, MR and PET."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.dicom.deidentify import deidentify, to_bytes
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import read_dicom
from radloop.dicom.strip import strip
from radloop.errors import StudyRejected

pytestmark = pytest.mark.real
KEY = Pseudonyms(b"a key that only this test knows....")


def test_splicing_gives_the_bytes_of_rewriting(shared_data: Path) -> None:
    agreed = 0
    for path in sorted((shared_data / "dicom_sts_004").rglob("*.dcm")):
        content = path.read_bytes()
        try:
            spliced = strip(content, KEY).content
        except StudyRejected:
            continue
        assert spliced == to_bytes(deidentify(read_dicom(content), KEY)), path.name
        agreed += 1
    assert agreed == 230
