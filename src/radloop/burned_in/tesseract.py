"""What a picture says: Debian's tesseract as a bounded process, fed all pages of a film at once."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from PIL import Image

from radloop.burned_in.boxes import Box
from radloop.settings import quiet_environment

SECONDS = 60.0  # for all pages of one film
ONE_LINE = 7  # page segmentation: each page is one line of text


class Unreadable(Exception):
    """Nothing can be said of what is written: tesseract is missing, failed or took too long."""


class Line(NamedTuple):
    """One line of text on a page: its words, the confidence of the surest one in percent, its place."""

    page: int
    words: tuple[str, ...]
    confidence: float
    box: Box


def installed() -> str | None:
    """The path of tesseract, or None."""
    return shutil.which("tesseract")


def read_lines(pages: list[np.ndarray], segmentation: int) -> list[Line]:
    """The lines on 8-bit pages, dark on light. Raises Unreadable where tesseract cannot read."""
    program = installed()
    if program is None:
        raise Unreadable("tesseract is missing")
    if not pages:
        return []
    command = [program, "stdin", "stdout", "--psm", str(segmentation), "--dpi", "300", "-l", "eng", "tsv"]
    environment = quiet_environment(OMP_THREAD_LIMIT="1")
    try:
        done = subprocess.run(
            command, input=_tiff(pages), capture_output=True, timeout=SECONDS, env=environment, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        raise Unreadable("tesseract did not end in time") from None
    if done.returncode:
        raise Unreadable("tesseract failed")
    return _lines(done.stdout.decode("utf-8", "replace"))


def _tiff(pages: list[np.ndarray]) -> bytes:
    first, *others = (Image.fromarray(page) for page in pages)
    stream = io.BytesIO()
    first.save(stream, "TIFF", save_all=True, append_images=others)
    return stream.getvalue()


def _lines(table: str) -> list[Line]:
    words: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[0] == "5" and any(map(str.isalnum, cells[11])):
            words[tuple(cells[1:5])].append(cells)
    return [_line(found) for found in words.values()]


def _line(words: list[list[str]]) -> Line:
    places = np.array([[int(cell) for cell in word[6:10]] for word in words])
    left, top = places[:, :2].min(0)
    right, bottom = (places[:, :2] + places[:, 2:]).max(0)
    surest = max(float(word[10]) for word in words)
    return Line(int(words[0][1]) - 1, tuple(word[11] for word in words), surest, Box(top, left, bottom, right))
