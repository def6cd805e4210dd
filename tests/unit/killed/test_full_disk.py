"""An admission into a disk that fills up, wherever its end falls, is refused clearly and shows nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from radloop.catalog import admit
from radloop.errors import ConfigurationError
from radloop.files import sha256_file
from radloop.records import Arrival, Rejection

PAGE = 4096  # bytes by which a tmpfs fills


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _leave(place: Path, pages: int) -> None:
    """Fill the disk up to so many pages."""
    filler = place / "filler"
    filler.unlink(missing_ok=True)
    free = os.statvfs(place)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - pages * PAGE))


def _files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def test_a_disk_that_fills_up_at_any_page_is_refused_clearly_and_corrupts_nothing(
    small_disk: Path,
    batches: list[list[Arrival | Rejection]],
    shown: Callable[[Path], object],
    expected: tuple[Sequence, Path],
) -> None:
    folder, whole, refusals, pages = small_disk / "d", expected[0], 0, 0
    admit(folder, batches[0])
    before = {name: digest for name, digest in _files(folder).items() if not name.startswith("quarantine")}
    while True:
        _leave(small_disk, pages)
        try:
            admit(folder, batches[1])
            break
        except ConfigurationError as error:
            assert "No space left" in str(error) and "nothing was admitted" in str(error)
        left = {name: digest for name, digest in _files(folder).items() if not name.startswith("quarantine")}
        assert left == before and shown(folder).rows == whole[1].rows
        refusals, pages = refusals + 1, pages + 1
    assert refusals >= 8, "shards, quarantine and catalog each met the end of the disk"
    assert shown(folder) == whole[2]
