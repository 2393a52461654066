"""Rows on their way from one reader to several writers, each in a thread of its own.

Belongs here: passing batches on, the end, and what went wrong before it. Does not: where rows come from, what is written (exports).
"""

import queue
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa


class Pipe:
    """Batches of rows on their way from the one reader to one writer; the reader waits when a few are on their way."""

    def __init__(self) -> None:
        self._queue: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(2)
        self._has_ended = False

    def put(self, item: pa.RecordBatch | BaseException | None) -> None:
        """A batch; last None, or why there are no more."""
        self._queue.put(item)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """What is put, up to the end; raises what the reader met."""
        while not self._has_ended:
            item = self._queue.get()
            if isinstance(item, pa.RecordBatch):
                yield item
                continue
            self._has_ended = True
            if item is not None:
                raise item

    def drain(self) -> None:
        """Take what is left, so that the reader never waits for a writer that has given up."""
        while not self._has_ended:
            self._has_ended = not isinstance(self._queue.get(), pa.RecordBatch)


def pass_on(batches: Iterable[pa.RecordBatch], pipes: Sequence[Pipe]) -> None:
    """Put all batches into each pipe, and at the end that there are no more, or why."""
    end: BaseException | None = None
    try:
        for batch in batches:
            for pipe in pipes:
                pipe.put(batch)
    except BaseException as error:
        end = error
        if not isinstance(error, Exception):
            raise
    finally:
        for pipe in pipes:
            pipe.put(end)
