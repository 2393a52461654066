"""Sentence models in a process of their own: what they take in memory never comes on top of what a run has imported, and is gone when the texts are read.

Belongs here: the process and what is said to it. Does not: the models (questions.models), which texts, what becomes of vectors (question_vectors).
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, Self

from pipelines import heap
from pipelines.problem import Problem, one_line

if TYPE_CHECKING:
    from questions.grouping import Recipe
    from questions.models import Vectors


class Encoder:
    """Makes vectors: by a process that starts with the first texts and ends with the block, or here by a recipe that needs no model."""

    def __init__(self) -> None:
        self._started: tuple[BaseProcess, Connection] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._started is not None:
            process, pipe = self._started
            # It keeps nothing. And SIGTERM may be ignored: Dagster treats it as SIGINT, and shells have programs in the background ignore that.
            process.kill()
            process.join()
            pipe.close()  # last: whoever still waits for an answer then hears of the end, and reads nothing of a file that was opened since

    def encode(self, recipe: "Recipe", texts: Sequence[str]) -> "Vectors":
        """One row per text, as `Recipe.encode`. What goes wrong there is a `RuntimeError` here, a `Problem` when the process was ended."""
        if not any(model.package for model, _ in recipe.parts):
            return recipe.encode(texts)
        if self._started is None:
            self._started = _start()
        _, pipe = self._started
        try:
            pipe.send((recipe, texts))
            found: Any = pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise Problem(
                "the process that reads questions was ended from outside (for want of memory?); run again: what it has read is kept."
            ) from None
        if isinstance(found, Exception):
            raise found
        return found

    def encode_each(self, recipe: "Recipe", parts: Iterable[Sequence[str]]) -> Iterator["Vectors"]:
        """The same for one part after another: the next is read while the caller keeps the last."""
        with ThreadPoolExecutor(1) as ahead:
            reading = deque[Future]()
            for texts in parts:
                reading.append(ahead.submit(self.encode, recipe, texts))
                if len(reading) > 1:
                    yield reading.popleft().result()
            while reading:
                yield reading.popleft().result()


def _start() -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True, name="sentence models")
    process.start()
    theirs.close()  # so that we hear of it when the process ends
    return process, ours


def _serve(pipe: Connection) -> None:
    """Answer until the other end is closed, which the end of the run's process does too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the run, which then ends us
    heap.give_back()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            recipe, texts = pipe.recv()
            try:
                answer = recipe.encode(texts)
            except Exception as error:
                answer = RuntimeError(one_line(error))  # not itself: there are errors that cannot be sent
            pipe.send(answer)
