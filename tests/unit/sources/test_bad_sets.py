"""NIfTI and .npz that lie about what they hold are refused with the reason, in time and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from radloop.catalog import admit, read_catalog, read_quarantine
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.fuzzing.bad_sets import bad_sets, npz
from radloop.fuzzing.bad_volumes import bad_volumes, volume
from radloop.fuzzing.films import PLANTED, Kind
from radloop.records import Arrival
from radloop.sources import open_source


def test_every_bad_volume_is_quarantined_with_its_reason_and_the_good_one_behind_it_is_admitted(
    tmp_path: Path, pseudonyms: Pseudonyms
) -> None:
    kinds = bad_volumes()
    for at, kind in enumerate(kinds):
        place = tmp_path / "pairs" / f"{at:03d}"
        place.mkdir(parents=True)
        packed = ".gz" if kind.content[:2] == b"\x1f\x8b" else ""
        (place / f"CT_a_image.nii{packed}").write_bytes(kind.content)
        (place / "CT_b_image.nii").write_bytes(volume())
    source = open_source("nifti", tmp_path / "pairs", pseudonyms, workers=1)
    names = [Path(name) for name in source._files]  # type: ignore[attr-defined]
    outcome = admit(tmp_path / "d", source)
    refused = read_quarantine(tmp_path / "d").set_index("position")["reason"].to_dict()
    found = {
        kinds[int(name.parent.name)].name: refused.get(at, "") for at, name in enumerate(names) if "_a_" in name.name
    }
    assert found == {kind.name: kind.reason for kind in kinds}
    legal = sum(not kind.reason for kind in kinds)
    assert (outcome.admitted, outcome.quarantined) == (len(kinds) + legal, len(kinds) - legal)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "d").rglob("*.tar"))
    assert len(read_catalog(tmp_path / "d")) == outcome.admitted
    assert not [word for word in PLANTED if len(word) > 5 and word in stored]


@pytest.mark.parametrize("kind", bad_sets(), ids=lambda kind: kind.name)
def test_a_bad_set_is_refused_as_a_whole_with_what_is_wrong(tmp_path: Path, pseudonyms: Pseudonyms, kind: Kind) -> None:
    (tmp_path / "pneumoniamnist.npz").write_bytes(kind.content)
    if kind.reason:
        with pytest.raises(ConfigurationError, match=kind.reason) as refused:
            open_source("medmnist", tmp_path, pseudonyms)
        assert "Zanzibar" not in str(refused.value)
    else:
        items = list(open_source("medmnist", tmp_path, pseudonyms))
        assert len(items) == 6 and all(isinstance(item, Arrival) for item in items)


def test_images_of_a_set_do_not_depend_on_the_number_of_processes(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    (tmp_path / "pneumoniamnist.npz").write_bytes(npz(squeezed=True))
    none, one = (list(open_source("medmnist", tmp_path, pseudonyms, workers=workers)) for workers in (0, 1))
    assert none == one and len(one) == 6


def test_images_of_a_set_can_be_read_in_any_order(tmp_path: Path, pseudonyms: Pseudonyms) -> None:
    (tmp_path / "pneumoniamnist.npz").write_bytes(npz(squeezed=True))
    source = open_source("medmnist", tmp_path, pseudonyms)
    forward = list(source)
    assert [source.read(position) for position in (5, 0, 3, 1, 4, 2)] == [forward[at] for at in (5, 0, 3, 1, 4, 2)]
