"""The rules of the house, as tests."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import grimp
import pytest
import yaml

from radloop.params import Classification, Params, Segmentation
from radloop.settings import PROJECT, quiet_environment
from radloop.stages import GATES

CODE = [PROJECT / "src" / "radloop", PROJECT / "flows", PROJECT / "monitoring"]
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
HOMES = {"prefect": "flows", "evidently": "monitoring", "mlflow": "registry", "dvc": None}
#: Left out of a stage's deps, or a comment there would retrain everything.
NOT_DEPS = {
    "radloop",
    "radloop.params",
    "radloop.sections",
    "radloop.settings",
    "radloop.errors",
    "radloop.cli",
    "radloop.stages",
}


def files() -> Iterator[Path]:
    for room in CODE:
        yield from sorted(room.rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring: documentation is never a reason to cut a function."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_layer_imports_one_above_it() -> None:
    """The contract of pyproject.toml, as `make lint` keeps it."""
    told = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=PROJECT, capture_output=True, text=True,
        env=quiet_environment(PYTHONPATH=f"{PROJECT / 'src'}{os.pathsep}{PROJECT}"), check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-2000:]
    assert "0 broken" in told.stdout


def test_no_file_is_a_drawer_for_everything() -> None:
    assert [path.name for path in files() if path.stem in FORBIDDEN_NAMES] == []


def test_no_file_is_longer_than_400_lines() -> None:
    assert {path.name: n for path in files() if (n := len(path.read_text().splitlines())) > 400} == {}


def test_files_are_short_in_general() -> None:
    assert median(len(path.read_text().splitlines()) for path in files()) <= 150


def test_no_function_is_longer_than_60_lines() -> None:
    assert {f"{p.name}:{f.name}": lines(f) for p in files() for f in functions(parsed(p)) if lines(f) > 60} == {}


def test_functions_are_short_in_general() -> None:
    sizes = sorted(lines(f) for path in files() for f in functions(parsed(path)))
    assert sizes[len(sizes) // 2] <= 10
    assert sizes[int(len(sizes) * 0.9)] <= 30


def test_no_function_takes_more_than_six_parameters() -> None:
    def many(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        names = [a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
        return len([name for name in names if name not in ("self", "cls")]) > 6

    assert [f"{p.name}:{f.name}" for p in files() for f in functions(parsed(p)) if many(f)] == []


@pytest.mark.parametrize(("tool", "home"), HOMES.items())
def test_a_tool_lives_in_one_place(tool: str, home: str | None) -> None:
    strangers = []
    for path in files():
        at_home = home is not None and home in {*path.relative_to(PROJECT).parts, path.stem}
        imported = re.search(rf"^\s*(?:import|from) {tool}\b", path.read_text(), re.MULTILINE)
        if imported and not at_home:
            strangers.append(str(path.relative_to(PROJECT)))
    assert strangers == []


#: What `os` offers to read or change the environment; a child process inherits what nobody names.
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def touches_the_environment(tree: ast.Module) -> bool:
    """By whatever name `os` or its parts were imported."""
    imports = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    systems = {alias.asname or alias.name for alias in imports if alias.name == "os"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
        else:
            through = isinstance(node, ast.Attribute) and ast.unparse(node.value) in systems
            names = {node.attr} if through and isinstance(node, ast.Attribute) else set()
        if names & {*ENVIRONMENT, "*"}:
            return True
    return False


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.environ['A']", "import os\nos.getenv('A')", "import os as system\nsystem.environ.get('A')",
        "from os import environ", "from os import getenv as ask", "from os import *",
        "def late():\n    from os import environ as e\n    return e", "import os\nos.environb[b'A']",
    ],
)  # fmt: skip
def test_every_way_to_the_environment_is_seen(code: str) -> None:
    assert touches_the_environment(ast.parse(code))
    assert not touches_the_environment(ast.parse("import os\nos.getpid()\nfrom os import path\nself.environ"))


def test_only_settings_reads_the_environment() -> None:
    settings = PROJECT / "src" / "radloop" / "settings.py"
    assert touches_the_environment(parsed(settings))
    readers = [path for path in files() if path != settings and touches_the_environment(parsed(path))]
    assert [str(path.relative_to(PROJECT)) for path in readers] == []


def test_nothing_swallows_every_exception_or_loads_a_pickle() -> None:
    bad = re.compile(r"except( Exception| BaseException)?:\s*(\n\s*)?pass|\bpickle\.|weights_only=False|joblib\.load")
    assert [str(path.relative_to(PROJECT)) for path in files() if bad.search(path.read_text())] == []


def test_every_public_function_says_what_it_does() -> None:
    silent = [
        f"{path.relative_to(PROJECT)}:{node.name}"
        for path in files()
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_a_flow_is_a_short_story() -> None:
    for path in sorted((PROJECT / "flows").glob("*.py")):
        flows = [f for f in functions(parsed(path)) if any("flow" in ast.unparse(d) for d in f.decorator_list)]
        assert all(lines(f) <= 30 for f in flows), path.name
        if flows:
            assert len(path.read_text().splitlines()) <= 100, path.name


def test_one_verb_has_one_name_everywhere(params: Params) -> None:
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
    modules = {path.stem for path in (PROJECT / "src/radloop/stages").glob("*.py") if path.stem != "__init__"}
    assert set(stages) == modules == set(params.chains)
    kinds = (Classification, Segmentation)
    sections = {field.alias or name for kind in kinds for name, field in kind.model_fields.items()}
    assert set(stages) <= sections
    assert set(GATES) <= set(stages)
    for verb, stage in stages.items():
        assert stage["cmd"] == f"python -m radloop stage {verb} ${{item.use_case}}"


@pytest.mark.parametrize("verb", list(Params.load(PROJECT).chains))
def test_the_deps_of_a_stage_cover_what_it_imports(verb: str) -> None:
    graph = grimp.build_graph("radloop")
    module = f"radloop.stages.{verb}"
    imported = {
        m
        for m in graph.find_upstream_modules(module) | {module}
        if m not in NOT_DEPS and not m.startswith("radloop.sections.")
    }
    deps = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"][verb]["deps"]
    rooms = [dep.removeprefix("src/").removesuffix(".py").replace("/", ".") for dep in deps if dep.startswith("src/")]
    missing = {m for m in imported if not any(m == room or m.startswith(f"{room}.") for room in rooms)}
    packages = {m for m in missing if any(room.startswith(f"{m}.") for room in rooms)}
    assert missing - packages == set()


def test_the_checkout_holds_nothing_large_or_generated() -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    paths = [PROJECT / name for name in names if name and (PROJECT / name).is_file()]
    assert [str(p.relative_to(PROJECT)) for p in paths if p.stat().st_size > 1_000_000] == []
    assert [p.name for p in paths if p.suffix in {".ipynb", ".pkl", ".pyc", ".ckpt"}] == []
