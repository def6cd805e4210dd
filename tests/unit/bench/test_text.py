"""The bench plants what it says, and counts what became of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radloop.bench.planting import HELD_OUT, KINDS, Kind, plain, plant
from radloop.bench.text import measure_recall
from radloop.bench.text_table import BEGIN, END, markdown, put_into
from radloop.errors import ConfigurationError

QUICK = [kind for kind in KINDS if not kind.name.startswith(("radiograph, 2", "radiograph, 3"))]
EMPTY = Kind("black", lambda _: np.zeros((160, 480), np.uint8), (28,), (1.0,), True, True)
reads = pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Debian's tesseract-ocr")


@pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.name)
def test_planted_ink_is_where_the_picture_changed(kind: Kind) -> None:
    planted = plant(kind, 11, 3)
    bare = kind.draw(3 + 11)
    assert planted.picture.shape == planted.ink.shape == bare.shape and planted.ink.sum() > 100
    assert (planted.picture != bare)[planted.ink].all()
    np.testing.assert_array_equal(planted.picture, plant(kind, 11, 3).picture)
    assert not plain(kind, 3).ink.any()


def test_names_held_out_stand_in_other_typefaces_than_those_that_were_looked_at() -> None:
    tuned, held_out = (plant(replace(EMPTY, opaque=False), 0, first) for first in (0, HELD_OUT))
    assert not np.array_equal(tuned.ink, held_out.ink)


@reads
def test_names_on_black_are_all_blanked_and_black_alone_is_not_touched() -> None:
    cells = {cell.trait: cell for cell in measure_recall(4, 0, [EMPTY])}
    assert (cells["all"].n, cells["all"].blanked, cells["all"].refused) == (4, 4, 0)
    assert cells["all"].caught.low is not None and 0 < cells["all"].caught.low < 1
    assert (cells["no text"].n, cells["no text"].caught.positives, cells["no text"].painted) == (2, 0, 0.0)
    assert "| black | all | 4 | 4 | 0 | 100.0% (" in markdown(cells.values())


def test_the_table_takes_the_place_of_the_old_one_on_its_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put_into(page, markdown([]))
    told = page.read_text()
    assert told.startswith("before\n") and told.endswith("\nafter\n") and "old" not in told and "| kind |" in told
    page.write_text("no marks")
    with pytest.raises(ConfigurationError):
        put_into(page, "")
