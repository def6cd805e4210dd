"""People decide from the command line, and the ledger knows who and why."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from radloop.cli import app
from radloop.registry import Registry

from .conftest import Workspace
from .test_promotion import _register

WHO = ["--who", "Dr A. Reader", "--why", "read the report"]


@pytest.fixture
def door(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("RADLOOP_HOME", str(registry.settings.root))
    return CliRunner()


def test_an_approval_is_written_down_with_name_and_reason(door, registry: Registry, workspace: Workspace) -> None:
    _register(registry, workspace, 1)
    assert door.invoke(app, ["approve", "1", *WHO]).exit_code == 0
    body = registry.ledger.entries("approval")[-1].body
    assert (body["version"], body["who"], body["why"]) == (1, "Dr A. Reader", "read the report")


def test_a_version_that_is_not_there_cannot_be_approved(door, registry: Registry) -> None:
    refused = door.invoke(app, ["approve", "7", *WHO])
    assert refused.exit_code != 0 and "no model version 7" in str(refused.exception)
    assert registry.ledger.entries("approval") == []


def test_a_rollback_brings_the_champion_before_back(door, registry: Registry, workspace: Workspace) -> None:
    _register(registry, workspace, 1)
    registry.promote(workspace.case, 1, "ann", "first")
    assert door.invoke(app, ["rollback", *WHO]).exit_code == 0
    assert registry.champion(workspace.case.name) is None
    assert registry.ledger.entries("alias")[-2].body["who"] == "Dr A. Reader"
