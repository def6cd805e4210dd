"""The doctor: every known trap, found before it bites."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from radloop import doctor
from radloop.doctor import Finding, examine, findings
from radloop.settings import Settings


@pytest.fixture
def seen(tmp_path: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings(Settings(home=tmp_path))}


def test_every_trap_is_looked_at_and_every_trap_has_a_mend(seen: dict[str, Finding]) -> None:
    wanted = {"Python", "torch", "pandas", "fastapi", "plotly", "CUDA packages", "git", "memory", "disk", "home"}
    assert wanted | {"port of prefect", "port of mlflow", "port of serving", "DVC's telemetry"} <= set(seen)
    assert all(finding.mend for finding in seen.values())


def test_the_pins_of_this_environment_are_well(seen: dict[str, Finding]) -> None:
    assert [name for name, *_ in doctor.PINS if not seen[name].well] == []


@pytest.mark.parametrize(
    ("package", "version"),
    [("torch", "2.14.0"), ("pandas", "3.0.1"), ("fastapi", "0.151.0"), ("plotly", "6.1"), ("mlflow", None)],
)
def test_a_package_that_breaks_others_is_found(
    monkeypatch: pytest.MonkeyPatch, package: str, version: str | None
) -> None:
    usual = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda name: version if name == package else usual(name))
    ill = [finding for finding in doctor._pins() if not finding.well]
    assert [finding.name for finding in ill] == [package]
    assert ill[0].seen == (version or "not installed") and "make setup" in ill[0].mend


def test_a_stranger_beside_our_packages_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: "0.26" if name == "torchvision" else None)
    assert "pip uninstall torchvision" in next(f for f in doctor._strangers() if not f.well).mend


def test_a_taken_port_is_found(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = Settings(home=tmp_path, mlflow_port=other.getsockname()[1])
        found = {finding.name: finding for finding in doctor._ports(settings)}["port of mlflow"]
    assert not found.well and "taken" in found.seen and "RADLOOP_MLFLOW_PORT" in found.mend


def test_a_small_or_full_machine_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("U", (), {"free": 2**30}))
    monkeypatch.setattr(doctor, "_writable", lambda _: False)
    ill = {finding.name for finding in doctor._machine(Settings(home=tmp_path)) if not finding.well}
    assert {"disk", "home"} <= ill


def test_the_number_of_things_to_mend_is_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[object] = []
    monkeypatch.setattr(doctor, "findings", lambda _: [Finding(True, "a", "b"), Finding(False, "c", "d", "e")])
    assert examine(Settings(home=tmp_path), pages.append) == 1 and pages
