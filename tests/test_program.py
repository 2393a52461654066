"""The program that starts warm is the one that users start: same words, same exit codes, and its end by a signal is told."""

import os
import signal
import subprocess

import pytest

from tests.platform import Platform


@pytest.mark.parametrize("arguments", [("--version",), ("run", "--help"), ("run", "weekly"), ("history", "--creator", "Acme")])
def test_a_warm_start_says_what_a_cold_one_says(platform: Platform, arguments: tuple[str, ...]) -> None:
    warm, cold = platform.run(*arguments), platform.cold().run(*arguments)
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_each_start_has_the_variables_of_its_own(platform: Platform) -> None:
    wrong = platform.run("init-db", DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "cannot connect to Postgres at 127.0.0.1:1/none" in wrong.stderr
    platform.succeed("init-db")
    assert platform.fetch("select count(*) from ops.gates") == [(0,)]


def test_a_start_that_is_killed_or_late_is_told_and_the_next_one_works(platform: Platform) -> None:
    process = platform.start("init-db", DATABASE_URL="postgresql://192.0.2.1/nobody-answers")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    assert process.returncode == process.poll() == -signal.SIGKILL
    assert platform.run("--version").returncode == 0
