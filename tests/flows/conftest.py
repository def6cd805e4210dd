"""Stories told without Prefect: every task of a flow's module is replaced by one that only notes its name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

# importing flows points the process at an installation, and no test may touch the user's own
os.environ["RADLOOP_HOME"] = tempfile.mkdtemp(prefix="radloop-flows-")

from radloop.params import Classification, Params, UseCase
from radloop.settings import Settings


class Story:
    """What happened, in order: the name of each faked step with its arguments after the use case."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[str] = []
        self.shown: dict[str, str] = {}
        self._monkeypatch = monkeypatch

    def fake(self, module: ModuleType, **steps: Any) -> None:
        """Replace steps of a flow's module: an exception is raised, a function is called, the rest is returned."""
        for name, outcome in steps.items():
            self._monkeypatch.setattr(module, name, self._step(name, outcome))

    def plain(self, module: ModuleType, **values: Any) -> None:
        """Replace names of a module by values that leave no trace in the story."""
        for name, value in values.items():
            self._monkeypatch.setattr(module, name, value)

    def _step(self, name: str, outcome: Any) -> Callable[..., Any]:
        def step(*arguments: Any, **_: Any) -> Any:
            detail = " ".join(str(a) for a in arguments if isinstance(a, str) and a != "chest_pneumonia")
            if name == "show":
                self.shown[arguments[0]] = arguments[1]
            self.told.append(f"{name} {detail}".strip() if name in ("reproduce", "require", "go_back") else name)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome(*arguments) if callable(outcome) else outcome

        return step


class Place:
    """A workspace of which only the names are needed."""

    def __init__(self, home: Path, params: Params, gate_open: bool = True) -> None:
        self.settings, self.params = Settings(home=home), params
        self.folder, self.gate_open = home / "workspace", gate_open

    def case(self, use_case: str) -> UseCase:
        return self.params.use_case(use_case)

    def classification(self, use_case: str) -> Classification:
        return self.params.classification(use_case)

    def stage(self, use_case: str, verb: str) -> Path:
        return self.folder / use_case / verb

    def md5(self, use_case: str) -> str:
        return "abc.dir"

    def judged_well(self, use_case: str) -> bool:
        return self.gate_open


class FakeRegistry:
    """The registry's door, with nothing behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def following(self, *_: Any) -> Any:
        return nullcontext()


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    """An empty story."""
    return Story(monkeypatch)


@pytest.fixture
def place(tmp_path: Path, params: Params) -> Place:
    """A workspace whose evaluation gate is open."""
    return Place(tmp_path, params)


@pytest.fixture
def registry() -> type[FakeRegistry]:
    """A registry that knows no model."""
    return FakeRegistry


@pytest.fixture
def candidate() -> Any:
    """A registered version."""
    return SimpleNamespace(use_case="chest_pneumonia", version=2, name="chest_pneumonia/2", bundle="b" * 64, run_id="r")
