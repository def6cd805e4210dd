"""Small damages of the kind that wires, disks and strangers do to files: deterministic under a seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from struct import pack

Mutation = Callable[[bytearray, bytes, Random], None]
LARGEST = 4 << 20  # bytes; doubling must not grow a file without end
_FIRST = 1500  # bytes in which a header mostly lies, and half of all damage falls


def mutated(content: bytes, other: bytes, random: Random) -> bytes:
    """`content` with one to four damages; a splice takes its bytes from `other`."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 4)):
        if changed:
            random.choice(MUTATIONS)(changed, other, random)
    return bytes(changed[:LARGEST])


def _place(content: bytearray, random: Random) -> int:
    end = len(content) if random.random() < 0.5 else min(len(content), _FIRST)
    return random.randrange(min(132, end - 1) if random.random() < 0.9 else 0, end)


def flip(content: bytearray, other: bytes, random: Random) -> None:
    """Another bit in one byte."""
    content[_place(content, random)] ^= 1 << random.randrange(8)


def overwrite(content: bytearray, other: bytes, random: Random) -> None:
    """Some bytes become others."""
    at = _place(content, random)
    width = min(random.randint(1, 8), len(content) - at)
    content[at : at + width] = random.randbytes(width)


def lie(content: bytearray, other: bytes, random: Random) -> None:
    """A length or a number at an edge of its range."""
    at = _place(content, random) & ~1
    value = random.choice([0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0xFFFE, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
    raw = pack("<I", value) if value > 0xFFFF or random.random() < 0.3 else pack("<H", value)
    content[at : at + len(raw)] = raw


def cut(content: bytearray, other: bytes, random: Random) -> None:
    """The file ends here."""
    del content[_place(content, random) :]


def drop(content: bytearray, other: bytes, random: Random) -> None:
    """Some bytes are missing."""
    at = _place(content, random)
    del content[at : at + random.choice([1, 2, 8, 64, 512])]


def double(content: bytearray, other: bytes, random: Random) -> None:
    """Some bytes come twice."""
    at = _place(content, random)
    piece = bytes(content[at : at + random.choice([2, 8, 64, 512])])
    content[at:at] = piece * random.choice([1, 1, 1, 40])


def splice(content: bytearray, other: bytes, random: Random) -> None:
    """Bytes of another file stand in place of this one's."""
    at, start = _place(content, random), random.randrange(max(len(other), 1))
    piece = other[start : start + random.choice([8, 64, 512, 4096])]
    content[at : at + random.choice([0, len(piece)])] = piece


MUTATIONS: tuple[Mutation, ...] = (flip, flip, overwrite, lie, lie, cut, drop, double, splice)
