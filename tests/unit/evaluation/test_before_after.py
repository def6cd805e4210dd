from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radloop.errors import ConfigurationError
from radloop.evaluation.before_after import Change, draw_changes


def change(*shape: int) -> Change:
    image = np.random.default_rng(0).normal(100, 10, shape)
    return Change("noise", image, image * 0.9)


def test_a_montage_has_a_row_for_each_change_and_equal_bytes(tmp_path: Path) -> None:
    one = draw_changes([change(32, 40)], tmp_path / "one.png")
    two = draw_changes([change(32, 40), change(20, 30, 5)], tmp_path / "new" / "two.png")
    heights = [Image.open(path).height for path in (one, two)]
    assert heights[1] == pytest.approx(2 * heights[0], abs=4)
    assert one.read_bytes() == draw_changes([change(32, 40)], tmp_path / "again.png").read_bytes()


def test_the_picture_shows_what_was_taken(tmp_path: Path) -> None:
    image = np.full((40, 40), 50.0)
    image[::2] = 60
    same, taken = (
        np.asarray(Image.open(draw_changes([Change("x", image, after)], tmp_path / f"{n}.png")).convert("L"), float)
        for n, after in enumerate((image, image - 20 * (np.arange(40) > 19)))
    )
    tiles = [picture[:, picture.shape[1] * 2 // 5 :] for picture in (same, taken)]
    assert [np.ptp(tile) for tile in tiles] == [255.0, 255.0]
    dark = [float(np.mean(tile < 100)) for tile in tiles]
    assert dark[1] > dark[0] + 0.05


@pytest.mark.parametrize(
    "changes",
    [[], [Change("x", np.zeros((4, 4)), np.zeros((4, 5)))], [Change("x", np.zeros(4), np.zeros(4))],
     [Change("x", np.zeros((4, 4)), np.full((4, 4), np.nan))]],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(changes: list[Change], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        draw_changes(changes, tmp_path / "x.png")
