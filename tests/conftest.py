"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from radloop.params import Params, UseCase
from radloop.settings import PROJECT, quieten

from .certificates import Authority

quieten()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets beside the checkout, or a skip that says how to get them."""
    folder = Path(os.environ.get("RADLOOP_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "nih_cxr").is_dir():
        pytest.skip(f"needs the real data sets in {folder.name}/; set RADLOOP_SHARED_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who vouches for the machines of a test."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="session")
def params() -> Params:
    """The project's own params.yaml."""
    return Params.load(PROJECT)


@pytest.fixture(scope="session")
def case(params: Params) -> UseCase:
    """The default use case."""
    return params.use_case("chest_pneumonia")


@pytest.fixture(scope="session")
def dicom_errors(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], set[str]]:
    """What dciodvfy holds against a DICOM file, without the values that it found there."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy, from Debian's dicom3tools")
    path = tmp_path_factory.mktemp("dciodvfy") / "object.dcm"

    def errors(content: bytes) -> set[str]:
        path.write_bytes(content)
        told = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, check=False).stderr.decode("latin1")
        found = {line.partition(" = <")[0] for line in told.splitlines() if line.startswith("Error")}
        kinds = [line for line in told.splitlines() if not line.startswith(("Error", "Warning"))]
        assert found or kinds, "it names the kind of object that it has checked"
        return found

    return errors
