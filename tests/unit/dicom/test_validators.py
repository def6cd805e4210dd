"""Films that we write are valid to a validator of other hands, with their identity and without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import parse_dicom
from radloop.dicom.strip import strip
from radloop.sections.intake import Deidentify
from radloop.simulate.hospital import simulate
from radloop.simulate.knobs import Hospital

Errors = Callable[[bytes], set[str]]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Enough simulated films that every scanner of the hospital has made one."""
    made = simulate(Hospital(seed=5, image_size=64), 24, tmp_path_factory.mktemp("hospital") / "films", workers=1)
    contents = [path.read_bytes() for path in sorted(made.folder.glob("*.dcm"))]
    shapes = {pydicom.dcmread(made.folder / row["file"]).PresentationLUTShape for row in made.table.to_pylist()}
    assert shapes == {"IDENTITY", "INVERSE"}
    return contents


def test_simulated_films_have_no_error(films: list[bytes], dicom_errors: Errors) -> None:
    assert set().union(*map(dicom_errors, films)) == set()


def test_films_without_their_identity_have_no_error(
    films: list[bytes], dicom_errors: Errors, pseudonyms: Pseudonyms
) -> None:
    assert set().union(*(dicom_errors(strip(film, pseudonyms).content) for film in films)) == set()


def test_the_validator_sees_what_is_wrong(films: list[bytes], dicom_errors: Errors) -> None:
    assert dicom_errors(films[0].replace(b"IDENTITY", b"LIKENESS").replace(b"INVERSE ", b"LIKENESS")) != set()


def test_what_must_be_there_stays_empty_and_what_need_not_goes(
    film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes], pseudonyms: Pseudonyms
) -> None:
    """Codes that only one hospital knows leave no item, and a sequence that is optional may not be empty."""
    local = Dataset()
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "Q-1", "99QUENTIN", "hidden remark"
    source = film(PositionReferenceIndicator="Quentin", AcquisitionContextSequence=[local], ViewCodeSequence=[local])
    stripped = parse_dicom(strip(file_of(source), pseudonyms).content)
    assert stripped.PositionReferenceIndicator == "" and list(stripped.AcquisitionContextSequence) == []
    assert "ViewCodeSequence" not in stripped


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "examples_palette.dcm", "eCT_Supplemental.dcm"])
def test_objects_of_frames_and_colour_have_no_error_that_they_had_not_before(name: str, dicom_errors: Errors) -> None:
    found = pydicom.data.get_testdata_file(name, download=False)
    if found is None:
        pytest.skip("needs the package pydicom-data, which the extra dev installs")
    content = Path(found).read_bytes()
    knobs = Deidentify(clean_pixel_data="keep", clean_recognizable_visual_features="keep")
    pseudonyms = Pseudonyms(b"a key that only this test knows....", Profile(knobs))
    assert dicom_errors(bytes(strip(content, pseudonyms).content)) <= dicom_errors(content)
