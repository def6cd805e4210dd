"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from radloop.params import Params, UseCase
from radloop.settings import PROJECT, quieten

quieten()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets beside the checkout, or a skip that says how to get them."""
    folder = Path(os.environ.get("RADLOOP_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "nih_cxr").is_dir():
        pytest.skip(f"needs the real data sets in {folder.name}/; set RADLOOP_SHARED_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def params() -> Params:
    """The project's own params.yaml."""
    return Params.load(PROJECT)


@pytest.fixture(scope="session")
def case(params: Params) -> UseCase:
    """The default use case."""
    return params.use_case("chest_pneumonia")
