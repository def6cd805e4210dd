"""The files of any snapshot, past ones too, read beside the workspace: nothing in it is checked out or changed.

DVC keeps a folder as a manifest and its files by their md5. What the cache lacks is fetched by DVC, only those files,
in a folder of its own that holds nothing but the configuration and the snapshot's pointer.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from radloop.errors import ServiceUnavailable
from radloop.files import read_json
from radloop.snapshots.history import Version, pointer_at
from radloop.workspace import Workspace


class SnapshotFiles:
    """A folder in the shape of a snapshot, into which only the files that are asked for are linked."""

    def __init__(self, place: Workspace, version: Version, folder: Path) -> None:
        self._place, self._version, self.folder = place, version, folder

    def bring(self, wanted: str | Callable[[str], bool]) -> list[str]:
        """Link the files of one of the snapshot's folders, or those whose path in it is `wanted`; return their paths.

        Raises ServiceUnavailable where neither the cache nor the remote has them.
        """
        if not self._kept(self._version.md5).exists():
            self._fetch(["catalog"])
        files = {entry["relpath"]: self._kept(entry["md5"]) for entry in read_json(self._kept(self._version.md5))}
        chosen = {name: path for name, path in files.items() if _fits(name, wanted)}
        missing = sorted(name for name, path in chosen.items() if not path.exists())
        if missing:
            self._fetch(missing)
        for name, path in chosen.items():
            if not path.exists():
                raise self._away()
            link = self.folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(path)
        return sorted(chosen)

    def _kept(self, md5: str) -> Path:
        return self._place.cache / "files" / "md5" / md5[:2] / md5[2:]

    def _fetch(self, names: list[str]) -> None:
        snapshot = self._place.params.paths.snapshot(self._version.use_case)
        with tempfile.TemporaryDirectory(prefix="radloop-") as name:
            self._furnish(Path(name), snapshot)
            try:
                self._place.dvc("fetch", "--quiet", *(str(snapshot / one) for one in names), folder=Path(name))
            except subprocess.CalledProcessError as error:
                raise self._away() from error
        if not self._kept(self._version.md5).exists():
            raise self._away()

    def _furnish(self, folder: Path, snapshot: Path) -> None:
        """As little of a DVC project as can fetch; DVC's scratch files go with it."""
        (folder / ".dvc").mkdir()
        ours = self._place.folder / ".dvc"
        local = (ours / "config.local").read_text() if (ours / "config.local").exists() else ""
        core = {"no_scm": "true", "site_cache_dir": str(folder / ".dvc" / "site")}
        (folder / ".dvc" / "config").write_bytes((ours / "config").read_bytes())
        (folder / ".dvc" / "config.local").write_text(self._place.machine(local, **core))
        pointer = folder / f"{snapshot}.dvc"
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.write_text(pointer_at(self._place, self._version.use_case, self._version.commit) or "")

    def _away(self) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"neither the cache nor the remote has all of snapshot {self._version.short}",
            "check RADLOOP_DVC_REMOTE, or dvc push where the snapshot was made",
        )


@contextmanager
def files_of(place: Workspace, version: Version) -> Iterator[SnapshotFiles]:
    """The files of a snapshot for as long as the block lasts; its catalog is there from the start."""
    with tempfile.TemporaryDirectory(prefix="radloop-") as name:
        found = SnapshotFiles(place, version, Path(name))
        found.bring("catalog")
        yield found


def _fits(name: str, wanted: str | Callable[[str], bool]) -> bool:
    return name.startswith(f"{wanted}/") if isinstance(wanted, str) else wanted(name)
