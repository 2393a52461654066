"""Processes that a run starts: what goes wrong in them is told in the run, and none outlives it."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from pipelines.model_process import Encoder
from pipelines.problem import Problem
from pipelines.settings import ROOT
from questions.grouping import LETTERS, MEANING

WITH_MODELS = """
import time
from pipelines.model_process import Encoder
from questions.grouping import MEANING

if __name__ == "__main__":
    with Encoder() as encoder:
        encoder.encode(MEANING, ["How do I start?"])
        print("at work", flush=True)
        time.sleep(60)
"""
IN_THE_BACKGROUND = """
import signal
from pipelines.model_process import Encoder
from questions.grouping import MEANING

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with Encoder() as encoder:
        encoder.encode(MEANING, ["How do I start?"])
    print("ended", flush=True)
"""
WITH_RENDERERS = """
import multiprocessing, pickle, time
from concurrent.futures import ProcessPoolExecutor
from pipelines import render_process

if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"), initializer=render_process.end_with_parent) as pool:
        list(pool.map(time.sleep, [0.2, 0.2]))
        print("at work", flush=True)
        time.sleep(60)
"""


def _children() -> set[psutil.Process]:
    """Processes below this one that multiprocessing started, and whatever has ended without being waited for: which it was, it cannot say any more."""
    return {child for child in psutil.Process().children(recursive=True) if _is_spawned_or_left(child)}


def _is_spawned_or_left(child: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(child.cmdline())
    except psutil.ZombieProcess:
        return True
    except psutil.NoSuchProcess:  # ended while we looked
        return False


def test_vectors_are_those_of_this_process_and_the_other_one_is_gone_afterwards() -> None:
    before, texts = _children(), ["How do I start?", "Where is my invoice?"]
    with Encoder() as encoder:
        assert (encoder.encode(LETTERS, texts) == LETTERS.encode(texts)).all()
        assert _children() <= before, "letters need no model, and so no process"
        assert (encoder.encode(MEANING, texts) == MEANING.encode(texts)).all()
        assert len(_children() - before) == 1
    assert _children() <= before  # who was there may have gone


def test_parts_are_read_one_ahead_and_come_in_their_order() -> None:
    parts = [["How do I start?"], ["Where is my invoice?", "Who marks my work?"], ["When is it due?"]]
    with Encoder() as encoder:
        found = list(encoder.encode_each(MEANING, parts))
        assert list(encoder.encode_each(MEANING, [])) == []
    assert [rows.tolist() for rows in found] == [MEANING.encode(texts).tolist() for texts in parts]


def test_a_caller_who_fails_between_two_parts_ends_it_too() -> None:
    before, parts = _children(), [["How do I start?"], ["Where is my invoice?"] * 2000, ["When is it due?"]]
    with pytest.raises(ZeroDivisionError), Encoder() as encoder:
        for _ in encoder.encode_each(MEANING, parts):
            raise ZeroDivisionError
    assert _children() <= before  # who was there may have gone


def test_it_ends_also_where_sigterm_is_ignored() -> None:
    done = subprocess.run([sys.executable, "-c", IN_THE_BACKGROUND], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr


def test_what_goes_wrong_in_it_is_raised_here_and_it_works_on() -> None:
    with Encoder() as encoder:
        with pytest.raises(RuntimeError, match="AttributeError: "):
            encoder.encode(MEANING, [None])  # pyrefly: ignore[bad-argument-type]  what a text is not
        assert encoder.encode(MEANING, ["How do I start?"]).shape == (1, MEANING.size)


def test_a_process_that_is_ended_is_told_in_words() -> None:
    before = _children()
    with Encoder() as encoder:
        encoder.encode(MEANING, ["How do I start?"])
        (child,) = _children() - before
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(Problem, match="was ended from outside"):
            encoder.encode(MEANING, ["How do I start?"])


@pytest.mark.parametrize("program", [WITH_MODELS, WITH_RENDERERS], ids=["models", "renderers"])
def test_a_killed_run_leaves_no_process_behind(program: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("program") / "program.py"
    file.write_text(program)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None  # a pipe
        assert run.stdout.readline() == "at work\n"
        children = psutil.Process(run.pid).children(recursive=True)
        assert [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        run.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
