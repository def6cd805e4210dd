"""A gate: named checks that must all hold before what follows may run.

A stage writes its gate and ends well even when the gate is closed; whatever depends on it calls `require`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radloop.errors import GateClosed
from radloop.files import read_json, write_json


@dataclass(frozen=True)
class Check:
    """One rule of a gate: what was asked, what was seen, whether it holds."""

    name: str
    holds: bool
    seen: Any
    rule: str


@dataclass(frozen=True)
class Gate:
    """All checks of one verb for one use case."""

    verb: str
    use_case: str
    checks: tuple[Check, ...]

    @property
    def open(self) -> bool:
        """True when every check holds; a gate with no check is closed, for it has shown nothing."""
        return bool(self.checks) and all(check.holds for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.holds)


def write_gate(path: Path, gate: Gate) -> None:
    """Write `gate.json` beside the outputs that it judges."""
    write_json(path, {**asdict(gate), "open": gate.open})


def read_gate(path: Path) -> Gate:
    """Read a gate back."""
    raw = read_json(path)
    return Gate(raw["verb"], raw["use_case"], tuple(Check(**check) for check in raw["checks"]))


def require(path: Path) -> Gate:
    """Return the gate if it is open.

    Raises GateClosed, naming each failed check, if it is not.
    """
    gate = read_gate(path)
    if not gate.open:
        failed = "; ".join(f"{check.name}: saw {check.seen}, rule {check.rule}" for check in gate.failed)
        raise GateClosed(
            f"the {gate.verb} gate of {gate.use_case} is closed ({failed or 'no check was made'}).",
            f"read {path.parent.name}/{path.name} and mend the data or, with a reason, the rule in params.yaml",
        )
    return gate
