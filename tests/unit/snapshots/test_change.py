"""What changed between two snapshots is counted right, and comparing them changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from radloop.catalog import admit, read_catalog
from radloop.files import sha256
from radloop.params import UseCase
from radloop.records import Arrival
from radloop.settings import Settings
from radloop.snapshots.change import MOST, Moved, change, count_images, shares
from radloop.snapshots.console import show_change
from radloop.snapshots.history import versions
from radloop.snapshots.page import change_page
from radloop.workspace import Workspace

CASE = "chest_pneumonia"


@pytest.fixture
def case(place: Workspace) -> UseCase:
    return place.case(CASE)


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_who_came_and_who_was_relabelled_is_counted(place: Workspace) -> None:
    found = change(place, *versions(place, CASE))
    assert found.moved == (Moved("patients", 2, 4, 2, 0), Moved("studies", 2, 4, 2, 0), Moved("instances", 4, 7, 3, 0))
    assert found.relabelled == 1


def test_backwards_what_came_has_left(place: Workspace) -> None:
    found = change(place, *reversed(versions(place, CASE)))
    assert [(one.came, one.left) for one in found.moved] == [(0, 2), (0, 2), (0, 3)]


def test_shares_are_of_images_and_prevalence_of_labelled_ones(place: Workspace) -> None:
    found = change(place, *versions(place, CASE))
    counts = {
        (one.characteristic, one.category): (one.before.positives, one.before.n, one.after.positives, one.after.n)
        for one in found.shares
    }
    assert counts == {
        ("prevalence", "Pneumonia"): (1, 4, 3, 6),  # the seventh has not been looked at
        ("sex", "F"): (4, 4, 4, 7),
        ("sex", "M"): (0, 4, 3, 7),
        ("age", "18-39"): (1, 4, 1, 7),
        ("age", "40-64"): (3, 4, 3, 7),
        ("age", "65+"): (0, 4, 3, 7),
        ("scanner", "Alpha Radix"): (4, 4, 4, 7),
        ("scanner", "Alpha Prisma"): (0, 4, 3, 7),
    }


def test_a_share_that_moved_for_certain_is_told_and_one_that_may_be_chance_is_not(
    tmp_path: Path, film_of: Callable[..., Arrival], case: UseCase
) -> None:
    admit(tmp_path / "a", [film_of(2 * n, [], "Radix") for n in range(60)])
    admit(tmp_path / "b", [film_of(2 * n, [], "Radix" if n < 30 else "Prisma") for n in range(60)])
    found = shares(read_catalog(tmp_path / "a"), read_catalog(tmp_path / "b"), case)
    assert {one.category for one in found if one.apart} == {"Alpha Radix", "Alpha Prisma"}


def test_the_rarest_categories_are_one_and_masks_are_no_images(
    tmp_path: Path, film_of: Callable[..., Arrival], case: UseCase
) -> None:
    films = [film_of(n, [], f"Model {min(n, 12)}") for n in range(14)]
    mask = replace(films[0].record, record_id="r-m", instance_uid="2.25.9", role="mask", sha256=sha256(b"m"))
    admit(tmp_path / "a", [*films, Arrival(mask, b"m")])
    frame = read_catalog(tmp_path / "a")
    scanners = [one for one in shares(frame, frame, case) if one.characteristic == "scanner"]
    assert len(scanners) == MOST + 1
    assert (scanners[-1].category, scanners[-1].before.positives) == ("other", 3)
    assert {one.before.n for one in scanners} == {14}


def test_only_catalogs_are_fetched_and_the_workspace_is_left_alone(elsewhere: Workspace) -> None:
    before = files_in(elsewhere.folder)
    change(elsewhere, *versions(elsewhere, CASE))
    kept = [path for path in files_in(elsewhere.cache) if path.suffix != ".dir"]
    assert len(kept) == 2  # the catalog's two parts; the second snapshot has both
    assert all(path.read_bytes()[:4] == b"PAR1" for path in kept)
    assert files_in(elsewhere.folder) == before
    assert elsewhere.git("status", "--porcelain") == ""


def test_images_of_any_snapshot_are_counted(place: Workspace) -> None:
    assert [count_images(place, one) for one in versions(place, CASE)] == [4, 7]


def test_the_page_holds_the_figures_and_no_patient(place: Workspace) -> None:
    found = change(place, *versions(place, CASE))
    page = change_page(found)
    assert "1 of 4 (25.0%" in page and "3 of 6 (50.0%" in page
    assert found.before.md5 in page and 'src="data:image/png;base64,iVBOR' in page
    text = page.partition("base64,")[0] + page.partition("base64,")[2].partition('"')[2]
    assert not any(name in text for name in ("p-0", "p-3", "2.25.", "r-0"))
    assert change_page(found) == page


def test_a_scanner_that_calls_itself_a_script_stays_text(place: Workspace) -> None:
    found = change(place, *versions(place, CASE))
    hostile = replace(found, shares=tuple(replace(one, category="<script>") for one in found.shares))
    assert "<script>" not in change_page(hostile)


def test_the_command_prints_the_tables_and_says_where_the_page_is(
    place: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    page = show_change(place.settings, CASE, None, None)
    said = capsys.readouterr().out
    assert "relabelled" in said and "3 of 7 (42.9%" in said
    assert page.is_file() and page.parent == Settings(home=place.settings.root).reports / "data_diff"
