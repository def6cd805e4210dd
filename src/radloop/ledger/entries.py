"""What one line of the history is, and what a whole history must satisfy."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from radloop.files import canonical_json, sha256
from radloop.ledger.signing import Key, Public

Phase = Literal["fact", "intent", "done", "failed", "abandoned"]

GENESIS = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One line; `time` is UTC, `hash` covers all fields before it, `signature` (hex, Ed25519) the hash."""

    sequence: int
    time: str
    kind: str
    phase: Phase
    body: dict[str, Any]
    previous: str
    hash: str
    signature: str

    @property
    def digest(self) -> str:
        """The hash that the content ought to have."""
        content = {name: value for name, value in asdict(self).items() if name not in ("hash", "signature")}
        return sha256(canonical_json(content).encode())

    @property
    def line(self) -> str:
        """The one spelling of the entry in its file."""
        return canonical_json(asdict(self))

    @property
    def mark(self) -> str:
        """`sequence:hash`, what a witness elsewhere writes down."""
        return mark(self.sequence, self.hash)


def mark(sequence: int, digest: str) -> str:
    """The name of a state of the history."""
    return f"{sequence}:{digest}"


def sign_next(key: Key, last: Entry | None, kind: str, phase: Phase, body: dict[str, Any]) -> Entry:
    """The entry that follows `last`, hashed and signed."""
    sequence, previous = (last.sequence + 1, last.hash) if last else (1, GENESIS)
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    plain = json.loads(canonical_json(body))  # tuples become lists now, as they will when the line is read
    draft = Entry(sequence, now, kind, phase, plain, previous, "", "")
    return Entry(sequence, now, kind, phase, plain, previous, draft.digest, key.sign(draft.digest))


def parse(line: str) -> Entry | None:
    """The entry of a line, or None where the line is none."""
    try:
        return Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None


def signed_head(key: Key, sequence: int, digest: str) -> dict[str, Any]:
    """The head: which entry is the last one, so that a cut end is seen."""
    return {"sequence": sequence, "hash": digest, "signature": key.sign(f"head {mark(sequence, digest)}")}


@dataclass(frozen=True)
class Verification:
    """What was found: the history is intact when there is no problem.

    `key` is the fingerprint of the public key, for an auditor to compare with the one that was told to them.
    """

    entries: int
    problems: tuple[str, ...]
    key: str

    @property
    def intact(self) -> bool:
        """True when nothing was found wrong."""
        return not self.problems


def check_chain(lines: list[str], public: Public) -> tuple[list[str], list[str]]:
    """Problems of the entries, and the marks of those that are readable."""
    problems: list[str] = []
    marks: list[str] = []
    sequence, previous = 0, GENESIS
    for number, line in enumerate(lines, start=1):
        entry = parse(line)
        if entry is None:
            problems.append(f"line {number} cannot be read")
            continue
        if entry.sequence != sequence + 1:
            problems.append(f"entry {entry.sequence} follows entry {sequence}: some are missing or out of order")
        elif entry.previous != previous:
            problems.append(f"entry {entry.sequence} does not follow from the entry before it")
        if entry.digest != entry.hash or entry.line != line:
            problems.append(f"entry {entry.sequence} was altered")
        elif not public.holds(entry.hash, entry.signature):
            problems.append(f"entry {entry.sequence} was not signed with this ledger's key")
        sequence, previous = entry.sequence, entry.hash
        marks.append(entry.mark)
    return problems, marks


def check_head(head: dict[str, Any] | None, marks: list[str], public: Public) -> list[str]:
    """The head must be signed and name the last entry, or the one before it after a kill in between."""
    if head is None:
        return ["the head is missing: how long the history was cannot be known"]
    named = mark(head["sequence"], head["hash"])
    if not public.holds(f"head {named}", head["signature"]):
        return ["the head was altered"]
    if named not in [mark(0, GENESIS), *marks][-2:]:
        last = marks[-1].split(":")[0] if marks else "0"
        return [f"the head names entry {head['sequence']}, the last one is {last}: the end was cut off or put back"]
    return []
