"""Tables of the documentation that are made from the code when the pages are built, so that none can go stale.

A page asks for one by the line `<!-- generated: NAME -->`; `TABLES` has the names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
MARK = re.compile(r"<!-- generated: ([a-z_]+) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put every table that a page asks for in its place (MkDocs calls this for each page)."""
    return MARK.sub(lambda found: TABLES[found[1]](), markdown)


def table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(_cell(str(cell)) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """A bar would end the cell, and an angle bracket outside code would begin a tag."""
    plain = text.replace("|", "\\|")
    return plain if "`" in plain else plain.replace("<", "&lt;")


def command_line() -> str:
    """Every command with its arguments and options."""
    from typer.main import get_command

    from radloop.cli import app

    return "\n\n".join(_command("radloop", get_command(app)))


def _command(name: str, command: Any) -> Iterator[str]:
    if hasattr(command, "commands"):
        for child, sub in command.commands.items():
            yield from _command(f"{name} {child}", sub)
        return
    words = [p.name if p.required else f"[{p.name}]" for p in _arguments(command)]
    usage = " ".join([name, *(["[OPTIONS]"] if _options(command) else []), *words])
    rows = [(f"`{p.name}`", getattr(p, "help", None) or "", _default(p)) for p in _arguments(command)]
    rows += [(f"`{'`, `'.join([*p.opts, *p.secondary_opts])}`", p.help or "", _default(p)) for p in _options(command)]
    said = re.sub(r"\[/?bold\]", "`", command.help or "").strip()
    parts = [f"## `{name}`", f"```text\n{usage}\n```", said]
    yield "\n\n".join([*parts, table(("argument or option", "what", "default"), rows)] if rows else parts)


def _arguments(command: Any) -> list[Any]:
    return [p for p in command.params if p.param_type_name == "argument"]


def _options(command: Any) -> list[Any]:
    return [p for p in command.params if p.param_type_name == "option" and not p.is_eager]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "needed"
    return "" if parameter.default is None else f"`{parameter.default}`"


def knobs() -> str:
    """Every knob of params.yaml with its default and the comment beside it."""
    parts = []
    for section, rows in _sections().items():
        parts += [f"## {section}", table(("knob", "default", "unit, reason"), rows)]
    return "\n\n".join(parts)


def _sections() -> dict[str, list[tuple[str, str, str]]]:
    """Rows of params.yaml by verb; the verbs of all use cases but the default one follow its name."""
    sections: dict[str, list[tuple[str, str, str]]] = {}
    for path, value, comment in _lines():
        if value:
            section, name = (path[0], path[1:]) if path[0] in ("paths", "chains", "deidentify") else (path[1], path[2:])
            if path[0] not in (section, "chest_pneumonia"):
                section = f"{path[0]}: {section}"
            sections.setdefault(section, []).append((f"`{'.'.join(name)}`", f"`{value}`", comment))
    return sections


def _lines() -> Iterator[tuple[list[str], str, str]]:
    """(path, value, comment) of each key; a comment that goes on below its key is joined to it."""
    stack: list[tuple[int, str]] = []
    last: tuple[list[str], str, str] | None = None
    for line in (PROJECT / "params.yaml").read_text().splitlines():
        found = re.match(r"(\s*)([A-Za-z_0-9]+):\s*([^#]*?)\s*(?:#\s*(.*))?$", line)
        if found is None:
            more = re.match(r"\s{8,}#\s*(.*)$", line)
            if more and last:
                last = (last[0], last[1], f"{last[2]} {more[1]}".strip())
            continue
        if last:
            yield last
        depth = len(found[1])
        stack = [(at, name) for at, name in stack if at < depth] + [(depth, found[2])]
        last = ([name for _, name in stack], found[3], found[4] or "")
    if last:
        yield last


def environment() -> str:
    """Every setting with its default."""
    from pydantic_core import PydanticUndefined

    from radloop.settings import PROJECT as CHECKOUT
    from radloop.settings import Settings

    rows = []
    for name, field in Settings.model_fields.items():
        if field.default is PydanticUndefined:
            default = "cores of the machine"
        else:
            default = {None: "unset", CHECKOUT: "this checkout"}.get(field.default, f"`{field.default}`")
        rows.append((f"`RADLOOP_{name.upper()}`", default, field.description))
    return table(("variable", "default", "what"), rows)


def case() -> Any:
    """The default use case."""
    from radloop.params import Params

    return Params.load(PROJECT).use_case("chest_pneumonia")


def quarantine_reasons() -> str:
    """Why the stage validate sets an image or a mask aside, or tells of it; a rule of several suites stands once."""
    from radloop.quality.rules import Rule
    from radloop.quality.suites import rules_by_suite

    told: dict[str, tuple[Rule, list[str]]] = {}
    for suite, rules in rules_by_suite(case()).items():
        for rule in rules:
            if not rule.reason.startswith("missing_"):
                told.setdefault(rule.reason, (rule, []))[1].append(suite)
    rows = [
        (f"`{rule.reason}`", ", ".join(suites), f"`{rule.column}`", _allowed(rule), rule.severity)
        for rule, suites in told.values()
    ]
    return table(("reason", "suite", "what is looked at", "allowed", "severity"), rows)


def _allowed(rule: Any) -> str:
    """The bound of the first suite that has the rule; others have their own in params.yaml."""
    return ("not " if "NotBeInSet" in rule.kind else "") + _bounds(rule.bounds)


def _bounds(bounds: dict[str, Any]) -> str:
    if "min_value" in bounds or "max_value" in bounds:
        low, high = bounds.get("min_value"), bounds.get("max_value")
        return " to ".join(str(b) for b in (low, high)) if None not in (low, high) else (
            f"at least {low}" if high is None else f"at most {high}"
        )  # fmt: skip
    return ", ".join(map(str, bounds.get("value_set", []))) or "unique, or empty where it must be"


def metrics() -> str:
    """Metrics of a run in MLflow; bounds of an interval stand in the row of their figure."""
    from radloop.evaluation.names import SCALARS, TITLES
    from radloop.registry import names

    rows: list[tuple[object, ...]] = [
        (f"`{name}`", f"`{key}` of metrics.jsonl", "") for key, name in names.CURVES.items()
    ]
    for scalar in SCALARS:
        if not scalar.endswith(("_low", "_high")):
            bounds = ", ".join(
                f"`{names.TEST_METRICS[scalar + end]}`" for end in ("_low", "_high") if scalar + end in SCALARS
            )
            rows.append((f"`{names.TEST_METRICS[scalar]}`", TITLES.get(scalar, scalar.replace("_", " ")), bounds))
    return table(("metric", "what", "its interval"), rows)


def tags() -> str:
    """Tags of a run and of a model version, with the comment beside each."""
    from radloop.registry import names

    source = Path(str(names.__file__)).read_text()
    found = re.findall(r'^([A-Z_]+) = "(radloop\.[a-z_0-9]+)"(?:\s*# (.*))?$', source, re.MULTILINE)
    return table(("tag", "what"), [(f"`{tag}`", said or name.replace("_", " ").lower()) for name, tag, said in found])


def failures() -> str:
    """Families of failures with their exit codes."""
    from radloop.errors import FAMILIES

    rows = [(f"`{family}`", error.exit_code, (error.__doc__ or "").strip()) for family, error in FAMILIES.items()]
    return table(("family", "exit code", "what it means"), rows)


def shifts() -> str:
    """What can be planted in the simulated hospital."""
    from radloop.simulate.shifts import SHIFTS

    return table(("shift", "usual amount", "what"), [(f"`{s.name}`", s.usual, s.meaning) for s in SHIFTS.values()])


def roi_features() -> str:
    """Features of a region, and what the standard calls them."""
    from radloop.radiomics import features

    rows = [(f"`{one.tag}`", one.id, one.name, one.family) for one in features().values()]
    return table(("tag", "identifier", "name", "family"), rows)


def watched() -> str:
    """What the monitor watches."""
    from monitoring.columns import QUESTIONS, WATCHED

    told = {stream: ", ".join(c.title for c in WATCHED if c.stream == stream) for stream in QUESTIONS}
    return table(("stream", "question", "columns"), [(s, q, told[s] or "see below") for s, q in QUESTIONS.items()])


def verdicts() -> str:
    """The rules of the verdict, in their order."""
    from monitoring.verdict import RULES

    return table(("verdict", "sentence"), [(rule.verdict.value, rule.because) for rule in RULES])


def flows() -> str:
    """The deployments of prefect.yaml."""
    import yaml

    rows = [
        (f"`{d['name']}/{d['name']}`", d["description"], d["schedules"][0]["cron"] if d.get("schedules") else "")
        for d in yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    ]
    return table(("deployment", "what it does", "schedule (cron, off until you switch it on)"), rows)


def services() -> str:
    """Addresses of the services."""
    from radloop.services import services as listed
    from radloop.settings import Settings

    rows = [(s.name, s.page or "no page", s.health or "none") for s in listed(Settings(dicom_receive=True))]
    return table(("service", "page", "health"), rows)


def pins() -> str:
    """Packages whose version matters."""
    from radloop.doctor import PINS

    return table(("package", "from", "below", "why"), [(f"`{name}`", low, high, why) for name, low, high, why in PINS])


def strangers() -> str:
    """Packages that must not stand beside ours."""
    from radloop.doctor import STRANGERS

    return table(("package", "why"), [(f"`{name}`", why) for name, why in STRANGERS.items()])


def telemetry() -> str:
    """Variables that switch the telemetry of every tool off."""
    from radloop.settings import TELEMETRY

    return table(("variable", "value"), [(f"`{name}`", f"`{value}`") for name, value in TELEMETRY.items()])


TABLES: dict[str, Callable[[], str]] = {
    "command_line": command_line,
    "knobs": knobs,
    "environment": environment,
    "quarantine_reasons": quarantine_reasons,
    "metrics": metrics,
    "tags": tags,
    "failures": failures,
    "shifts": shifts,
    "roi_features": roi_features,
    "watched": watched,
    "verdicts": verdicts,
    "flows": flows,
    "services": services,
    "pins": pins,
    "strangers": strangers,
    "telemetry": telemetry,
}
