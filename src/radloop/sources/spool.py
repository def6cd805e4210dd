"""The spool: where raw instances land at the gateway, once each, before anything is read from them.

Identity is still inside the files, so the spool lies outside the data that are versioned and only its owner may
enter it. The file system is the index, shared by every process that lands here:

    incoming/<unique>.part              being written; nobody has been told of it
    instances/<instance>                the claim: a hard link by the keyed hash of the SOPInstanceUID
    studies/<study>/<sha256>.dcm        the same file by its content, below the keyed hash of its study
    quarantine/<reason>/<sha256>.dcm    other bytes under a claimed SOPInstanceUID
    expected/<study>.json               how many instances a source says there are
    committed/<instance>                an instance that somebody was told is safe (Storage Commitment)

A file is on the disk before it is claimed, and its folders are on the disk before the sender is told; a process
killed in between leaves a file that the next one completes.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import uuid
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import RadloopError, ServiceUnavailable, StudyRejected
from radloop.files import sha256, sha256_file, sync_folder, write_json
from radloop.sources.wire import Instance, from_file

CONFLICT, DAMAGED = "instance_uid_conflict", "damaged_in_spool"
MIB = 1 << 20
log = logging.getLogger("radloop.spool")


class Landing(StrEnum):
    """What became of an instance that was taken."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # the same bytes were there already
    QUARANTINED = "quarantined"  # other bytes were there under its UID; both are kept


@dataclass
class _Pending:
    """An instance on its way: `temporary` is on the disk, or None where its bytes are there already."""

    temporary: Path | None
    claim: Path
    target: Path
    landing: Landing | None = None
    failure: OSError | None = None
    folders: set[Path] = field(default_factory=set)


class Spool:
    """One process's access to a spool; several processes may land in the same one at a time.

    `reserve` bytes of its disk must stay free. Raises ServiceUnavailable where its folders cannot be made.
    """

    def __init__(self, folder: Path, pseudonyms: Pseudonyms, reserve: int = 0) -> None:
        self.folder, self.counts = folder, Counter[Landing]()
        self._pseudonyms, self._reserve = pseudonyms, reserve
        self._waiting: deque[_Pending] = deque()
        self._turn, self._promising, self._promised = threading.Lock(), threading.Lock(), 0
        with _disk():
            for name in ("incoming", "instances", "studies", "quarantine", "expected", "committed"):
                (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            self._lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
            self._recover_if_alone()

    def close(self) -> None:
        """Leave the spool."""
        os.close(self._lock)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def land(self, instance: Instance) -> Landing:
        """Keep an instance; when this returns, it survives a power cut.

        Raises ServiceUnavailable where the disk is full to its watermark or fails; then the sender keeps it.
        """
        with _disk():
            pending = self._pending(instance)
            if not _same(pending.claim, pending.target):
                with self._room_for(instance.size):
                    pending.temporary = self._write(instance)
            self._commit(pending)
        assert pending.landing is not None
        if pending.landing is Landing.QUARANTINED:
            log.warning("%s: instance %s came with other bytes; both are kept", CONFLICT, pending.claim.name)
        return pending.landing

    def has(self, uid: str) -> bool:
        """Whether an instance with this SOPInstanceUID has landed."""
        try:
            return self._claim_of(uid).stat().st_nlink > 1
        except FileNotFoundError:
            return False

    def read_back(self, uid: str) -> Instance | None:
        """The instance with this SOPInstanceUID; None where it has not landed or its bytes are not what was written.

        When this returns an instance, it survives a power cut. Raises ServiceUnavailable where the disk fails.
        """
        claim = self._claim_of(uid)
        with _disk(), suppress(FileNotFoundError, StudyRejected):
            instance = from_file(content := claim.read_bytes())
            pending = self._pending(instance)
            if pending.claim == claim and claim.samefile(pending.target) and sha256(content) == pending.target.stem:
                _sync_all({claim.parent, pending.target.parent, pending.target.parent.parent})
                return instance
        return None

    def promise(self, uids: Iterable[str]) -> None:
        """Note that these instances were told to be safe, so that none is released by itself.

        Raises ServiceUnavailable where the disk cannot be written.
        """
        with _disk():
            for uid in uids:
                (self.folder / "committed" / self._pseudonyms.uid(uid)).touch(mode=0o600)
            sync_folder(self.folder / "committed")

    def expect(self, study: str, instances: int) -> None:
        """Note how many instances a source says the study has, so that its end can be told from a pause.

        Raises ConfigurationError where the disk cannot be written.
        """
        write_json(self.folder / "expected" / f"{self._pseudonyms.study(study)}.json", {"instances": instances})

    def free(self) -> int:
        """Bytes of the disk that may still be used."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize - self._reserve

    def _claim_of(self, uid: str) -> Path:
        return self.folder / "instances" / self._pseudonyms.uid(uid)

    def _pending(self, instance: Instance) -> _Pending:
        study = self.folder / "studies" / self._pseudonyms.study(instance.study)
        return _Pending(None, self._claim_of(instance.uid), study / f"{instance.sha256}.dcm")

    @contextmanager
    def _room_for(self, size: int) -> Iterator[None]:
        """Promise `size` bytes, because several who look at once would each see the same free bytes."""
        with self._promising:
            if self.free() - self._promised < size:
                raise ServiceUnavailable(
                    f"the spool's disk is down to its watermark of {self._reserve / MIB:g} MiB.",
                    "free space, or lower RADLOOP_SPOOL_RESERVE_MIB; nothing was taken",
                )
            self._promised += size
        try:
            yield
        finally:
            with self._promising:
                self._promised -= size

    def _write(self, instance: Instance) -> Path:
        path = self.folder / "incoming" / f"{uuid.uuid4().hex}.part"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(instance.head)
                stream.write(instance.dataset)
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _commit(self, pending: _Pending) -> None:
        """Whoever gets the turn settles all who wait, with one fsync of each folder."""
        self._waiting.append(pending)
        with self._turn:
            if pending.landing is None and pending.failure is None:
                batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
                for one in batch:
                    _settle(one, self.folder)
                _sync(batch)
                self.counts.update(one.landing for one in batch if one.landing is not None and not one.failure)
        if pending.failure is not None:
            raise pending.failure

    def _recover_if_alone(self) -> None:
        """Complete what a killed process left; while another lives, its unfinished files are not ours to touch."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            return
        for path in (self.folder / "incoming").iterdir():
            path.unlink()
        for path in [*_unlinked(self.folder / "instances"), *_unlinked(self.folder / "studies")]:
            self._complete(path)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def _complete(self, path: Path) -> None:
        """Give a file that has only one of its two names the other."""
        folders = {path.parent}
        try:
            pending = self._pending(from_file(path.read_bytes()))
        except StudyRejected:
            log.error("%s: a file of the spool was set aside", DAMAGED)
            path.rename(_made(self.folder / "quarantine" / DAMAGED, folders) / path.name)
        else:
            if path.parent == pending.claim.parent:
                os.link(path, _made(pending.target.parent, folders) / pending.target.name)
            else:
                self._claim(path, pending.claim, folders)
        _sync_all(folders)

    def _claim(self, path: Path, claim: Path, folders: set[Path]) -> None:
        try:
            os.link(path, claim)
        except FileExistsError:
            log.warning("%s: instance %s came with other bytes; both are kept", CONFLICT, claim.name)
            path.rename(_made(self.folder / "quarantine" / CONFLICT, folders) / path.name)
        folders.add(claim.parent)


def _settle(one: _Pending, spool: Path) -> None:
    """Give a file its names; the claim is what decides between two that come at the same moment."""
    one.folders.add(one.claim.parent)
    try:
        if one.temporary is None:
            one.landing, one.folders = Landing.DUPLICATE, {one.claim.parent, one.target.parent}
            return
        try:
            os.link(one.temporary, one.claim)
        except FileExistsError:
            one.landing = _settle_claimed(one, spool)
        else:
            one.temporary.rename(_made(one.target.parent, one.folders) / one.target.name)
            one.landing = Landing.STORED
    except OSError as failure:
        one.failure = failure
        if one.temporary is not None:
            with suppress(OSError):
                one.temporary.unlink(missing_ok=True)


def _settle_claimed(one: _Pending, spool: Path) -> Landing:
    assert one.temporary is not None
    if sha256_file(one.claim) == one.target.stem:
        with suppress(FileExistsError):  # the name is missing only where its writer died between the two
            os.link(one.claim, _made(one.target.parent, one.folders) / one.target.name)
        one.temporary.unlink()
        return Landing.DUPLICATE
    aside = _made(spool / "quarantine" / CONFLICT, one.folders) / one.target.name
    known = aside.exists()
    one.temporary.replace(aside)
    return Landing.DUPLICATE if known else Landing.QUARANTINED


def _made(folder: Path, folders: set[Path]) -> Path:
    """`folder`, made where it is missing, and noted with its parent among those to be synced."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folders.update((folder, folder.parent))
    return folder


def _sync(batch: list[_Pending]) -> None:
    try:
        _sync_all(set().union(*(one.folders for one in batch)))
    except OSError as failure:
        for one in batch:
            one.failure = one.failure or failure


def _sync_all(folders: set[Path]) -> None:
    for folder in folders:
        sync_folder(folder)


def _unlinked(folder: Path) -> Iterator[Path]:
    """Files below `folder` that have no second name."""
    for entry in list(os.scandir(folder)):
        if entry.is_dir():
            yield from _unlinked(Path(entry.path))
        elif entry.stat().st_nlink == 1:
            yield Path(entry.path)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except FileNotFoundError:
        return False


@contextmanager
def _disk() -> Iterator[None]:
    """Say of a disk that is full, missing or read-only what a user can do about it."""
    try:
        yield
    except RadloopError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise ServiceUnavailable(
            f"the spool cannot be written: {error.strerror or type(error).__name__}.",
            "free space; nothing was taken" if full else "mend the disk or its rights; nothing was taken",
        ) from error
