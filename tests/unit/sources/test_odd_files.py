"""Every file that pydicom tests itself with is read, or refused with a reason, through the ordinary source."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pydicom.data
import pytest

from radloop.catalog import admit, read_quarantine
from radloop.dicom.profile import Profile
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.records import Arrival, Rejection
from radloop.sections.intake import Deidentify
from radloop.sources import open_source

KNOBS = Deidentify(clean_pixel_data="keep", clean_recognizable_visual_features="keep")  # else heads are refused


@pytest.fixture
def pseudonyms() -> Pseudonyms:
    """Pseudonyms under a profile that admits what can be decoded."""
    return Pseudonyms(b"a key that only this test knows....", Profile(KNOBS))


def files_below(folder: Path) -> list[Path]:
    """All files that tests are made of, but not the code beside them."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return [path for path in found if path.suffix not in (".py", ".pyc")]


def outcome_of(paths: list[Path], folder: Path, pseudonyms: Pseudonyms) -> tuple[int, Counter[str]]:
    """How many were admitted, and how often each reason was given, through a held process into a catalog."""
    folder.mkdir()
    for at, path in enumerate(paths):
        (folder / f"{at:04d}").write_bytes(path.read_bytes())
    items: list[Arrival | Rejection] = list(open_source("dicom_folder", folder, pseudonyms, workers=1))
    outcome = admit(folder.parent / "d", items)
    reasons = Counter(read_quarantine(folder.parent / "d")["reason"])
    assert len(items) == len(paths)
    assert outcome.admitted + outcome.already + sum(reasons.values()) >= len({path.read_bytes() for path in paths})
    print(outcome, reasons.most_common())
    return sum(isinstance(item, Arrival) for item in items), reasons


def test_all_files_of_pydicom_are_read_or_refused_with_a_reason(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    own = Path(pydicom.data.__file__).parent
    paths = [path for name in ("test_files", "charset_files") for path in files_below(own / name)]
    read, reasons = outcome_of(paths, tmp_path / "films", pseudonyms)
    assert len(paths) >= 190
    assert read >= 75
    assert all(reasons)
    assert not {"reader_died", "too_slow", "too_much_memory"} & set(reasons)


def test_all_files_of_pydicom_data_are_read_or_refused_with_a_reason(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    if (found := importlib.util.find_spec("data_store")) is None or not found.submodule_search_locations:
        pytest.skip("needs the package pydicom-data, which the extra dev installs")
    paths = files_below(Path(next(iter(found.submodule_search_locations))) / "data")
    read, reasons = outcome_of(paths, tmp_path / "films", pseudonyms)
    assert len(paths) >= 65
    assert read >= 45
    assert all(reasons)
    assert not {"reader_died", "too_slow", "too_much_memory"} & set(reasons)
