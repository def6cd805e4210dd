"""The documentation says what is: its commands are run or parsed, its links lead somewhere, its tables miss nothing."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
import yaml

from radloop.cli import app
from radloop.params import Params
from radloop.running import FLOWS
from radloop.settings import PROJECT, Settings

DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", PROJECT / "infra" / "README.md", *sorted(DOCS.rglob("*.md"))]
BIN = Path(sys.executable).parent
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: Run here and now, in an empty home; the how-to pages with a story of their own are run by the slow tests below.
CHEAP = (
    r"radloop( run)? --help", r"(RADLOOP_WORKERS=1 )?radloop settings", r"radloop doctor", r"radloop simulate .*",
    r"radloop ledger (show|verify).*", r"radloop spool show", r"radloop down", r"make help",
)  # fmt: skip
#: Too heavy to run here; the second of each pair is what a test elsewhere must hold that runs it.
ELSEWHERE = (
    (r"make demo.*", r"tell_story|radloop\(\s*\"demo\"|flows\.demo"),
    (r"make test", r"make test"),
    (r"(make up|radloop up)", r"radloop\(\"up\"\)"),
    (r"make repro", r"radloop\(\s*\"repro\"|reproduce_all"),
    (r"radloop serve.*", r"serving/healthz|create_app|/healthz"),
    (r"radloop receive.*", r"\"receive\", \"--port\""),
    (r"radloop echo.*", r"ask_echo\("),
    (r"radloop retrieve .*", r"retrieve\(own"),
    (r"radloop spool release.*", r"\brelease_admitted\(|\brelease\(spool"),
    (r"radloop data show", r"\"data\", \"show\""),
    (r"radloop data diff.*", r"show_change\("),
    (r"radloop data checkout.*", r"\"data\", \"checkout\""),
    (r"radloop register-deployments", r"radloop\(\"register-deployments\"\)"),
    (r"prefect worker start.*", r"\"worker\""),
    (r"radloop labels add.*", r"labels.{0,6}add|add_labels"),
    (r"radloop approve .*", r"\"approve\""),
    (r"radloop rollback .*", r"\"rollback\""),
    (r"(radloop run|prefect deployment run) .*", r"start_flow|radloop\(\"run\""),
    (r"radloop denoiser.*", r"\[\"denoiser\""),
    (r"radloop selftest deidentification.*", r"\"deidentification\", \"--patients\""),
    (r"python -m flows\..*", r"-m\", \"flows\.|run_here"),
)


@dataclass(frozen=True)
class Command:
    """One line of a console block: where it stands, the text behind the `$`, its words without assignments."""

    page: Path
    text: str

    @property
    def words(self) -> list[str]:
        words = shlex.split(self.text)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        return words

    @property
    def program(self) -> str:
        return self.words[0]

    def is_one_of(self, patterns: tuple[str, ...]) -> bool:
        return any(re.fullmatch(pattern, self.text) for pattern in patterns)


def lines_of(page: Path) -> list[str]:
    """What stands behind the `$` in a page's console blocks."""
    blocks = [body for kind, body in FENCE.findall(page.read_text()) if kind in ("console", "bash")]
    joined = [line for body in blocks for line in re.sub(r"\\\n\s*", "", body).splitlines()]
    return [line[2:].strip() for line in joined if line.startswith("$ ")]


def commands() -> list[Command]:
    """Every different command of all pages."""
    return list({text: Command(page, text) for page in reversed(PAGES) for text in lines_of(page)}.values())


COMMANDS = commands()


def of(*programs: str) -> Any:
    """Parametrize over the commands of some programs."""
    chosen = [command for command in COMMANDS if command.program in programs]
    assert chosen, f"the pages use none of {programs}"
    return pytest.mark.parametrize("command", chosen, ids=lambda c: c.text[:60])


def sandbox(folder: Path, **extra: str) -> dict[str, str]:
    """A shell's environment with our commands on the path and nobody's settings in it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RADLOOP_", "PREFECT_"))}
    path = f"{BIN}:{kept['PATH']}"
    home = str(folder / ".radloop" / "default")
    return {**kept, "PATH": path, "RADLOOP_HOME": home, "COLUMNS": "120", "RADLOOP_PREFECT_PORT": "45991", **extra}


def shell(text: str, folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a line as it is written, in a folder of its own."""
    return subprocess.run(
        ["bash", "-c", text], cwd=folder, env=sandbox(folder, **extra), capture_output=True, text=True, check=False
    )


def test_every_command_is_run_or_parsed_by_some_test() -> None:
    shells = {"cd", "export", ".", "git", "dvc", "pip", "curl"}  # judged below, each in its own way
    known = (*CHEAP, *(pattern for pattern, _ in ELSEWHERE))
    left = [c.text for c in COMMANDS if c.program not in shells and not c.is_one_of(known)]
    stories = [line for page in STORIES for line in lines_of(DOCS / "how-to" / page)]
    assert set(left) <= set(stories)


@pytest.mark.parametrize(("pattern", "needle"), ELSEWHERE)
def test_what_is_too_heavy_to_run_here_is_run_by_another_test(pattern: str, needle: str) -> None:
    assert [c for c in COMMANDS if c.is_one_of((pattern,))], "no page uses it any more"
    others = [p for p in (PROJECT / "tests").rglob("*.py") if p.name != Path(__file__).name]
    sources = [*others, PROJECT / ".ci" / "run"]
    assert any(re.search(needle, path.read_text()) for path in sources)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.is_one_of(CHEAP)], ids=lambda c: c.text[:60])
def test_a_cheap_command_runs_as_it_is_written(command: Command, tmp_path: Path) -> None:
    if command.program == "make":
        done = subprocess.run(shlex.split(command.text), cwd=PROJECT, capture_output=True, text=True, check=False)
    else:
        done = shell(command.text, tmp_path)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or "doctor" in command.text, done.stderr
    if "simulate" in command.text:
        assert len(list(tmp_path.rglob("*.dcm"))) == 4


@of("radloop")
def test_the_command_line_takes_every_word_of_a_radloop_command(command: Command) -> None:
    words = [word for word in command.words[1:] if word not in ("--help", "-h")]
    group: Any = typer.main.get_command(app)
    while hasattr(group, "commands") and words:
        group = group.commands[words.pop(0)]
    if "--help" not in command.text:
        group.make_context("radloop", words)
    if command.words[1] == "run" and "--help" not in command.text:
        given = [word.partition("=")[0] for word in command.words if "=" in word]
        assert set(given) <= set(parameters_of(command.words[2]))


def parameters_of(flow: str) -> list[str]:
    """Parameters of a flow, read from its file because Prefect takes seconds to import."""
    assert flow in FLOWS
    tree = ast.parse((PROJECT / "flows" / f"{flow}.py").read_text())
    (story,) = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == flow]
    return [argument.arg for argument in story.args.args]


@cache
def help_of(tool: str, *verbs: str) -> str:
    """What a tool says of one of its commands."""
    return subprocess.run([BIN / tool, *verbs, "--help"], capture_output=True, text=True, check=True).stdout


@of("prefect")
def test_a_prefect_command_names_a_deployment_with_its_parameters_and_known_options(command: Command) -> None:
    words = command.words
    verbs, said = words[1:3], help_of("prefect", *words[1:3])
    assert [word for word in words if re.match(r"--?[a-z]", word) and f"{word} " not in said] == []
    if verbs[0] == "deployment":
        flow, _, deployment = words[3].partition("/")
        named = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
        assert (flow, deployment) in {(d["entrypoint"].rpartition(":")[2], d["name"]) for d in named}
        assert {word.partition("=")[0] for word in words if "=" in word} <= set(parameters_of(flow))
    else:
        assert words[words.index("--pool") + 1] == "radloop"


@of("make")
def test_a_make_command_names_a_target_and_variables_that_exist(command: Command) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for word in command.words[1:]:
        name, sign, _ = word.partition("=")
        assert re.search(rf"^{name}\s*\?=" if sign else rf"^{name}:", makefile, re.MULTILINE), word


@of("export")
def test_an_exported_variable_is_a_setting(command: Command) -> None:
    name = command.words[1].partition("=")[0]
    assert name in ("PREFECT_API_URL", "PYTHONPATH") or name.removeprefix("RADLOOP_").lower() in Settings.model_fields


@of("python")
def test_a_python_command_names_a_module_that_is_there(command: Command) -> None:
    assert command.words[1] == "-m"
    assert (PROJECT / Path(*command.words[2].split("."))).with_suffix(".py").exists()


@of("dvc")
def test_dvc_knows_the_words_of_a_dvc_command(command: Command, params: Params) -> None:
    verbs = command.words[1:3] if command.words[1] == "remote" else command.words[1:2]
    said = help_of("dvc", *verbs)
    assert [word for word in command.words if word.startswith("--") and word not in said] == []
    if "repro" in verbs:
        verb, _, use_case = command.words[-1].partition("@")
        assert verb in params.verbs(use_case)


@of("pip")
def test_pip_installs_what_an_extra_names(command: Command) -> None:
    assert f'"{command.words[-1]}"' in (PROJECT / "pyproject.toml").read_text()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The prediction service without a champion, and a folder with the films that the commands name."""
    import uvicorn

    from radloop.serving.app import create_app
    from radloop.simulate.hospital import Hospital, simulate

    folder = tmp_path_factory.mktemp("service")
    simulate(Hospital(image_size=64), 1, folder / "films", workers=1)
    for name in ("film.dcm", "film.png"):
        (folder / name).write_bytes((folder / "films" / "000000.dcm").read_bytes())
    registry: Any = SimpleNamespace(champion=lambda use_case: None, bundle_path=None)
    made = create_app(Settings(home=folder / "home"), "chest_pneumonia", registry)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(made, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    yield folder, port
    server.should_exit = True
    thread.join()


@of("curl")
def test_a_curl_command_reaches_the_service(command: Command, service: tuple[Path, int]) -> None:
    folder, port = service
    text = command.text.replace(":8000", f":{port}").replace("curl ", "curl -s -w '\\n%{http_code}' ", 1)
    body, _, status = shell(text, folder, RADLOOP_SERVING_TOKEN="t").stdout.rpartition("\n")
    waiting = command.text.endswith(("/predict", "/model"))  # both need a champion, and say so
    assert status == ("503" if waiting else "200"), body
    assert not waiting or "service_unavailable" in body


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_the_links_and_pictures_of_a_page_lead_somewhere(page: Path) -> None:
    text = re.sub(FENCE, "", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"src=\"([^\"]+)\"", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            assert target.startswith(("https://", "http://127.0.0.1:")), target
            continue
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), f"{target} is not there"
        assert aim.is_relative_to(PROJECT), target
        assert not anchor or anchor in anchors(aim), target


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page may say behind its `#`."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", heading.lower()).strip() for heading in headings]
    return {re.sub(r"[-\s]+", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_page_names_no_folder_of_one_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|home|root|tmp|Users|mnt)/", page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_the_python_of_a_page_calls_what_is_there(page: Path) -> None:
    for kind, body in FENCE.findall(page.read_text()):
        if kind == "python":
            tree = ast.parse(body)
            names: dict[str, Any] = {}
            imports = [node for node in tree.body if isinstance(node, ast.ImportFrom | ast.Import)]
            exec(compile(ast.Module(imports, []), page.name, "exec"), names)
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                check_call(call, names)


def check_call(call: ast.Call, names: dict[str, Any]) -> None:
    """A call of an imported name, or of a method of what such a call makes, must take its arguments."""
    target: Any = None
    if isinstance(call.func, ast.Name):
        target = names.get(call.func.id)
    elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        made = call.func.value.func
        owner = names.get(made.id) if isinstance(made, ast.Name) else None
        if not inspect.isclass(owner):
            return
        method, itself = getattr(owner, call.func.attr), ast.Constant(None)
        call = ast.Call(call.func, [itself, *call.args], call.keywords)
        target = method
    if inspect.isfunction(target) or (inspect.isclass(target) and target.__module__.startswith("radloop")):
        inspect.signature(target).bind(*call.args, **{str(word.arg): word.value for word in call.keywords})


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_nothing_of_other_machines(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # and no `--quiet`, which hides warnings from `--strict`
    done = subprocess.run(command, cwd=PROJECT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    fetched = re.compile(r"<(?:script|img|link)[^>]+(?:src|href)=\"?(https?://[^\"\s>]+)")
    assert {url for page in pages for url in fetched.findall(page.read_text())} == set()
    assert [page for page in pages if "<!-- generated" in page.read_text()] == []


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    """The tables that are made from the code when the pages are built."""
    spec = importlib.util.spec_from_file_location("generated", DOCS / "generated.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return {name: table() for name, table in made.TABLES.items()}


def test_every_table_is_on_a_page_and_every_page_asks_for_known_tables(tables: dict[str, str]) -> None:
    asked = [name for page in PAGES for name in re.findall(r"<!-- generated: (\w+) -->", page.read_text())]
    assert sorted(asked) == sorted(tables)
    assert [name for name, text in tables.items() if text.count("\n| ") < 3] == []


def knobs_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from knobs_of(inner, f"{path}.{name}" if path else name)
    else:
        yield path, value


def test_the_reference_names_every_knob_with_its_value(tables: dict[str, str]) -> None:
    raw = yaml.safe_load((PROJECT / "params.yaml").read_text())
    others = {f"hippocampus: {verb}": section for verb, section in raw["hippocampus"].items()}
    sections = raw["chest_pneumonia"] | others
    for verb, section in sections.items():
        (part,) = re.findall(rf"## {verb}\n(.*?)(?:\n## |\Z)", tables["knobs"], re.DOTALL)
        told = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", part, re.MULTILINE))
        assert {knob: yaml.safe_load(told.get(knob, "")) for knob, _ in knobs_of(section)} == dict(knobs_of(section))


def test_the_reference_names_every_setting(tables: dict[str, str]) -> None:
    assert [n for n in Settings.model_fields if f"`RADLOOP_{n.upper()}`" not in tables["environment"]] == []


def test_the_reference_names_every_command_with_its_options(tables: dict[str, str]) -> None:
    def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        for child, inner in getattr(command, "commands", {}).items():
            yield from leaves(f"{name} {child}", inner)
        if not hasattr(command, "commands"):
            yield name, command

    for name, command in leaves("radloop", typer.main.get_command(app)):
        (part,) = re.findall(rf"## `{name}`\n(.*?)(?:\n## |\Z)", tables["command_line"], re.DOTALL)
        said = [option for p in command.params if p.param_type_name == "option" and not p.is_eager for option in p.opts]
        assert [option for option in said if f"`{option}`" not in part] == []


def test_every_field_that_predict_answers_is_told() -> None:
    from radloop.serving.describe import _ANSWER, PREDICT

    page = (DOCS / "reference" / "http.md").read_text()
    assert [name for name in _ANSWER if f"`{name}`" not in page] == []
    assert [status for status in PREDICT["responses"] if status != 200 and f"| {status} |" not in page] == []


STORIES = {
    "own-dicom.md": {"/data/my-studies": "$HERE/my-studies", "/data/our-patient-ids.txt": "$HERE/our-patient-ids.txt"},
    "restore-a-run.md": {"<commit>": "HEAD"},
}
#: Four films are too few for validation, and its gate closes.
#: Nobody of the list has the pseudonym that stands on the page.
UNWELL = {"radloop run validate": 4, "radloop reidentify": 1, "dvc repro": 255}


@pytest.mark.slow
@pytest.mark.server
def test_the_pages_on_dicom_folders_and_on_restoring_a_run_work_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "our-patient-ids.txt").write_text("INVENTED-1\nINVENTED-2\n")
    for page, places in STORIES.items():
        before = ""
        for line in lines_of(DOCS / "how-to" / page):
            for place, real in places.items():
                line = line.replace(place, real)
            if line.startswith(("cd ", "export ")):
                before += f"{line} && " if "RADLOOP_NAME" not in line else ""  # the sandbox is one installation
                continue
            done = shell(before + line, tmp_path, HERE=str(tmp_path))
            expected = next((code for start, code in UNWELL.items() if line.startswith(start)), 0)
            assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "restored" / "data" / "chest_pneumonia" / "catalog").is_dir()
