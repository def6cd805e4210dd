"""The tamper-evident history: who did what, when and why, in hash-chained and signed entries.

An entry names the hash of the one before it and is signed with the installation's Ed25519 key; a signed head
names the last one. So an altered, dropped, reordered or truncated entry is found by `verify`. What a chain on
one machine cannot show: somebody with the private key can sign another history, and somebody who restores an
older copy of the whole folder brings back an older true one. `head` is what to write down elsewhere against
that; the registry writes it on every promoted model version.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock, Timeout

from radloop.errors import ConfigurationError, GateClosed, RadloopError, ServiceUnavailable
from radloop.evaluation.uses import count_uses
from radloop.files import read_json, sync_folder, write_json
from radloop.ledger.entries import (
    GENESIS,
    Entry,
    Phase,
    Verification,
    check_chain,
    check_head,
    mark,
    parse,
    sign_next,
    signed_head,
)
from radloop.ledger.signing import Key, public_key

__all__ = ["Entry", "Ledger", "Verification", "count_test_uses"]

#: Entries of one segment file, so that no file grows without end.
SEGMENT = 10_000
SETTLED = ("done", "failed", "abandoned")


class Ledger:
    """The history of one installation, in `folder`; its keys lie in `keys/` beside that folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder.parent / "keys"
        self._lock = FileLock(folder / ".lock")
        self._head = folder / "head.json"

    def write(self, kind: str, body: dict[str, Any]) -> Entry:
        """Append one fact and return it once it is on the disk.

        Raises GateClosed where the history was tampered with, ServiceUnavailable where the lock is held for a
        minute, ConfigurationError where the disk or the key cannot be used.
        """
        return self._append(kind, "fact", body)

    @contextmanager
    def intent(self, kind: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Announce a change of the world before it is made, and say afterwards that it was.

        Yields the body of the closing entry, to be added to. A refusal (RadloopError) closes the intent as
        failed. After anything else, ServiceUnavailable included, nobody knows whether the world has changed:
        the intent stays pending, as it does after kill -9, until `reconcile` looks.
        """
        result: dict[str, Any] = {}
        with self._locked():  # so that no reader meets the intent before it is marked as alive
            entry = self._append(kind, "intent", body)
            alive = self._alive(entry)
            alive.acquire(timeout=0)
        try:
            yield result
            self._append(kind, "done", {**result, "intent": entry.sequence})
        except ServiceUnavailable:
            raise
        except RadloopError as error:
            self._append(kind, "failed", {"intent": entry.sequence, "family": error.family, "why": error.message})
            raise
        finally:
            alive.release()

    def pending(self, kind: str | None = None) -> list[Entry]:
        """Intents that nothing has settled yet."""
        entries = self.entries(kind)
        settled = {entry.body.get("intent") for entry in entries if entry.phase in SETTLED}
        return [entry for entry in entries if entry.phase == "intent" and entry.sequence not in settled]

    def reconcile(self, kind: str, happened: Callable[[Entry], bool]) -> list[Entry]:
        """Settle the pending intents of `kind` whose process is gone, by asking the world whether each happened.

        Returns the closing entries. An intent whose process still works on it is left alone.
        """
        closing: list[Entry] = []
        for entry in self.pending(kind):
            alive = self._alive(entry)
            try:
                with self._locked():
                    alive.acquire(timeout=0)
            except Timeout:
                continue
            try:
                if entry in self.pending(kind):  # it may have ended well since we first looked
                    phase: Phase = "done" if happened(entry) else "abandoned"
                    closing.append(self._append(kind, phase, {"intent": entry.sequence, "reconciled": True}))
            finally:
                alive.release()
        return closing

    def entries(self, kind: str | None = None) -> list[Entry]:
        """All entries, or those of one kind, in order; what `verify` would say of them is not asked here."""
        parsed = (parse(line) for line in self._lines())
        return [entry for entry in parsed if entry is not None and kind in (None, entry.kind)]

    def head(self) -> str:
        """The mark of the last entry (`sequence:hash`), to be kept by a witness outside this folder."""
        last = self._last()
        return last.mark if last else mark(0, GENESIS)

    def verify(self, witnesses: tuple[str, ...] = ()) -> Verification:
        """Read the whole history and name everything that is wrong with it.

        `witnesses` are marks that were written down elsewhere; each must still be there.
        """
        lines = list(self._lines())
        public = public_key(self.keys)
        if public is None:
            missing = ("the public key is missing",) if lines or self._head.exists() else ()
            return Verification(len(lines), missing, "")
        problems, marks = check_chain(lines, public)
        problems += check_head(read_json(self._head) if self._head.exists() else None, marks, public)
        problems += [
            f"entry {seen.split(':')[0]} is not the one that a witness saw" for seen in witnesses if seen not in marks
        ]
        return Verification(len(lines), tuple(problems), public.fingerprint)

    def _append(self, kind: str, phase: Phase, body: dict[str, Any]) -> Entry:
        with self._locked():
            key = self._key()
            entry = sign_next(key, self._checked_last(key), kind, phase, body)
            self._write_line(entry)
            write_json(self._head, signed_head(key, entry.sequence, entry.hash))
            return entry

    def _key(self) -> Key:
        """The signing key; a new one is made only where there has never been a history."""
        if self._head.exists() or self._segments() or Key.exists(self.keys):
            return Key.open(self.keys)
        key = Key.create(self.keys)
        write_json(self._head, signed_head(key, 0, GENESIS))
        return key

    def _checked_last(self, key: Key) -> Entry | None:
        """The last entry, refusing to build on a history that lost its end, for a new head would hide that."""
        last = self._last()
        marks = [last.mark] if last else []
        if last is not None:
            marks = [mark(last.sequence - 1, last.previous), last.mark]
            if last.digest != last.hash or not key.public.holds(last.hash, last.signature):
                _tampered(f"entry {last.sequence} was altered")
        problems = check_head(read_json(self._head) if self._head.exists() else None, marks, key.public)
        if problems:
            _tampered(problems[0])
        return last

    def _write_line(self, entry: Entry) -> None:
        first = (entry.sequence - 1) // SEGMENT * SEGMENT + 1
        path = self.folder / f"{first:012d}.jsonl"
        try:
            with path.open("ab") as stream:
                os.truncate(path, _tail(path)[1])  # half a line that a kill left: nobody was told of it
                stream.write(entry.line.encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise ConfigurationError(f"cannot write the ledger: {error.strerror}", "free space on its disk") from error
        if entry.sequence == first:
            sync_folder(self.folder)

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def _lines(self) -> Iterator[str]:
        for path in self._segments():
            whole = path.read_bytes()
            yield from whole.decode(errors="replace").split("\n")[:-1]  # what follows the last newline is torn

    def _last(self) -> Entry | None:
        for path in reversed(self._segments()):
            line, _ = _tail(path)
            if line:
                return parse(line) or _tampered("the last entry cannot be read")
        return None

    def _alive(self, intent: Entry) -> FileLock:
        """A lock that lives exactly as long as the process that works on an intent."""
        folder = self.folder / "alive"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{intent.sequence}.lock")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = self._lock.acquire(timeout=60)
        except Timeout as error:
            raise ServiceUnavailable("the ledger is locked by another process", "try again") from error
        except OSError as error:
            raise ConfigurationError(
                f"the ledger's folder cannot be used: {error.strerror}", "make it writable"
            ) from error
        with held:
            yield


def count_test_uses(ledger: Ledger, test_set_sha256: str) -> int:
    """How many bundles were judged on this test set: each use makes the next judgement a little less honest."""
    return count_uses((entry.body for entry in ledger.entries("evaluation")), test_set_sha256)


def _tail(path: Path, block: int = 65536) -> tuple[str, int]:
    """The last whole line of a file, and where it ends."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        start = max(0, size - block)
        stream.seek(start)
        read = stream.read()
    end = read.rfind(b"\n")
    begin = read.rfind(b"\n", 0, max(end, 0))
    if start and begin < 0:
        return _tail(path, block * 8)
    return read[begin + 1 : max(end, 0)].decode(errors="replace"), start + end + 1


def _tampered(what: str) -> NoReturn:
    raise GateClosed(f"the ledger was tampered with: {what}", "run `radloop ledger verify`, restore it from a backup")
