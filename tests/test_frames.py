"""The digest that decides whether a file is rendered again: equal rows give equal digests, any change another one."""

import hashlib

import pyarrow as pa
import pytest

from pipelines import frames

TYPES = [pa.string(), pa.int32(), pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us", "UTC")]


def _digest(table: pa.Table) -> str:
    digest = hashlib.sha256()
    frames._hash_table(table, digest)
    return digest.hexdigest()


def _with_garbage_under_the_null(value_type: pa.DataType, garbage: int) -> pa.Table:
    """Sixteen rows, the second null, with `garbage` in its slot: what a driver may leave there."""
    plain = pa.array([1, garbage, *[3] * 14], pa.int64()).cast(value_type)
    validity = pa.py_buffer(bytes([0b11111101, 0b11111111]))
    return pa.table({"x": pa.Array.from_buffers(value_type, 16, [validity, plain.buffers()[1]])})


@pytest.mark.parametrize("value_type", [pa.int32(), pa.int64(), pa.float64()], ids=str)
def test_what_lies_under_a_null_does_not_count(value_type: pa.DataType) -> None:
    assert _digest(_with_garbage_under_the_null(value_type, 7)) == _digest(_with_garbage_under_the_null(value_type, 8))


@pytest.mark.parametrize("times", [1, 20], ids=["few rows", "many rows"])
@pytest.mark.parametrize("value_type", TYPES, ids=str)
def test_null_is_not_zero_and_slices_are_what_they_hold(value_type: pa.DataType, times: int) -> None:
    zero = "" if value_type == pa.string() else False if value_type == pa.bool_() else 0
    nothing, something = (
        pa.table({"x": pa.array([None] * times, value_type)}),
        pa.table({"x": pa.array([pa.scalar(zero, value_type).as_py()] * times, value_type)}),
    )
    assert _digest(nothing) != _digest(something)
    longer = pa.concat_tables([something, nothing, something])
    assert _digest(longer.slice(times, times)) == _digest(nothing)
    assert _digest(pa.concat_tables([longer.slice(0, 1), longer.slice(1)])) == _digest(longer)


@pytest.mark.parametrize("times", [1, 20], ids=["few rows", "many rows"])
def test_names_types_and_order_count(times: int) -> None:
    assert _digest(pa.table({"x": [1] * times, "y": [2] * times})) != _digest(pa.table({"y": [2] * times, "x": [1] * times}))
    assert _digest(pa.table({"x": [1, 2] * times})) != _digest(pa.table({"x": [2, 1] * times}))
    assert _digest(pa.table({"x": pa.array([1] * times, pa.int32())})) != _digest(pa.table({"x": pa.array([1] * times, pa.int64())}))
    assert _digest(pa.table({"x": ["a"] * 20_000})) != _digest(pa.table({"x": ["a"] * 19_999 + ["b"]}))


def test_it_counts_whose_the_nulls_are() -> None:
    """The same bytes one after the other: marks of nulls and values of two columns of booleans."""
    first = pa.table({"a": [None, True] * 10, "b": [False, False] * 10})
    second = pa.table({"a": [True, False] * 10, "b": [False, None] * 10})
    assert _digest(first) != _digest(second)
