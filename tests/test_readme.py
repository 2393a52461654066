"""The README keeps its word: its commands, options and make targets exist, its pictures are there."""

import re

import click
import pytest

from pipelines.cli import cli
from pipelines.settings import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = sorted(set(re.findall(r"creator-reports ((?:[a-z-]+)[^`\n|#]*)", README)))
OWN_WORDS = re.compile(r"[\[\]]|…")


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_of_the_readme_exists(line: str) -> None:
    words = OWN_WORDS.sub(" ", line.split(",")[0]).split()
    command: click.Command = cli
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert command is not cli, f"creator-reports has no verb for: {line}"
    options = {name for parameter in command.params for name in parameter.opts}
    assert [word for word in words if word.startswith("--") and word not in options] == []


def test_each_verb_is_described() -> None:
    for name, command in cli.commands.items():
        assert command.help, name


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets


def test_pictures_are_there() -> None:
    for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README):
        assert (ROOT / name).is_file(), name
