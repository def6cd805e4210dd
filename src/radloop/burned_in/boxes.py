"""Rectangles in a picture."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle in pixels, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int


def grown(box: Box, by: int, shape: tuple[int, ...]) -> Box:
    """A box with a margin, cut at the picture's border."""
    return Box(
        max(box.top - by, 0), max(box.left - by, 0), min(box.bottom + by, shape[0]), min(box.right + by, shape[1])
    )


def meet(one: Box, other: Box) -> bool:
    """Whether two boxes share a pixel."""
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right
