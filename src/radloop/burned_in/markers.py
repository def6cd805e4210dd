"""Text on films that names nobody: the markers of side, projection and position."""

from __future__ import annotations

import re

LONGEST = 24  # letters of a row that may be markers alone
_LIST = """
    left right pa ap lat lateral portable port mobile erect upright supine semi semierect sitting standing
    prone decub decubitus inspiration expiration insp exp chest abdomen pelvis bedside oblique frontal
    stretcher view external internal rotation flexion extension weight bearing cm mm
"""
HARMLESS = frozenset(_LIST.split())


def is_marker(words: tuple[str, ...]) -> bool:
    """Whether a line of text is markers alone, but for single letters beside them."""
    plain = _plain(words)
    return any(word in HARMLESS for word in plain) and all(
        word in HARMLESS or (len(word) < 2 and not word.isdigit()) for word in plain
    )


def _plain(words: tuple[str, ...]) -> list[str]:
    return [re.sub(r"[\W_]+", "", word).casefold() for word in words]
