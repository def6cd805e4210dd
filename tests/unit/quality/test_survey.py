from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radloop.catalog import admit, read_catalog
from radloop.quality.survey import COLUMNS, survey
from radloop.records import Arrival
from radloop.sources.instance import png_arrival

Chest = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory, chest: Chest) -> Path:
    """A snapshot of 260 films, enough for two workers; the third is flat and the last cannot be decoded."""
    films = [np.full((130, 130), 9, np.uint8) if seed == 2 else chest(seed % 9, 130) for seed in range(260)]
    arrivals = [
        png_arrival(png(film), film, "test", f"2.25.{n}", patient_id=f"p{n}", study_id=f"s{n}")
        for n, film in enumerate(films)
    ]
    arrivals[-1] = Arrival(replace(arrivals[-1].record, sha256="0" * 64), b"\x89PNG\r\n\x1a\n and no more")
    folder = tmp_path_factory.mktemp("survey") / "snapshot"
    admit(folder, arrivals)
    return folder


def png(film: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(film).save(stream, "png")
    return stream.getvalue()


def test_a_survey_has_one_row_per_film_in_the_catalogs_order(snapshot: Path) -> None:
    shuffled = read_catalog(snapshot).sample(frac=1.0, random_state=0).reset_index(drop=True)
    films = survey(snapshot, shuffled, workers=1)
    assert list(films.columns) == list(COLUMNS)
    assert films["record_id"].tolist() == shuffled["record_id"].tolist()


def test_a_film_that_cannot_be_read_is_a_row_with_its_reason(snapshot: Path) -> None:
    last = survey(snapshot, read_catalog(snapshot), workers=1).iloc[-1]
    assert last["unreadable"] and last["altered"] and last["bits"] is None and pd.isna(last["contrast"])


def test_a_flat_film_is_measured_and_has_no_fingerprint(snapshot: Path) -> None:
    films = survey(snapshot, read_catalog(snapshot), workers=1)
    assert films["contrast"][2] == 0 and films["bits"][2] is None
    assert films["bits"][:2].notna().all() and (films["contrast"][:2] > 10).all()
    assert not films["altered"][:-1].any() and films["unreadable"][:-1].isna().all()


def test_two_workers_find_what_one_finds(snapshot: Path) -> None:
    catalog = read_catalog(snapshot)
    pd.testing.assert_frame_equal(survey(snapshot, catalog, workers=1), survey(snapshot, catalog, workers=2))
