"""The laws of the house: who imports what, who reads the environment, what an import may do."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.settings import ROOT

OURS = sorted(path for folder in ("pipelines", "reports", "expectations", "questions") for path in (ROOT / folder).rglob("*.py"))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("lint-imports",),
        ("sqlfluff", "lint", "--disable-progress-bar", "dbt_project"),
        ("pyrefly", "check"),
    ],
    ids=lambda command: command[0] + command[1] if len(command) > 1 else command[0],
)
def test_the_linters_are_silent(command: tuple[str, ...]) -> None:
    done = _run(_tool(command[0]), *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_settings_touches_the_environment() -> None:
    allowed = {ROOT / "pipelines/settings.py"}
    readers = []
    for path in OURS:
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name in {"environ", "getenv", "putenv"} and path not in allowed:
                readers.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert readers == []


def test_loading_the_definitions_opens_no_socket() -> None:
    code = """
import socket
def refuse(*a, **k): raise AssertionError("a socket was opened")
socket.socket.connect = refuse
socket.socket.connect_ex = refuse
from pipelines.definitions import build
from pipelines.settings import Settings
defs = build(Settings(_env_file=None, database_url="postgresql://nobody@127.0.0.1:1/none"))
assert {job.name for job in defs.jobs} == {"hourly", "daily", "mornings", "exports"}
"""
    done = _run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr


def test_modules_say_what_belongs_in_them() -> None:
    silent = [str(path.relative_to(ROOT)) for path in OURS if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_public_functions_are_described() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in OURS
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_nothing_of_this_machine_is_in_the_tree() -> None:
    names = _run("git", "ls-files", "--cached", "--others", "--exclude-standard").stdout.split()
    if not names:
        pytest.skip("not a git checkout")
    for name in names:
        path = ROOT / name
        if path.suffix in {".lock"}:
            assert "://" not in path.read_text(), f"{name} names a package index"
