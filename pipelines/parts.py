"""Shares of a model's touched keys: many keys are computed as two parts at the same time, each over a connection and in a transaction of its own.

Belongs here: which keys belong to which part. Does not: when a model is parted, what is computed (pieces, additions).

A row depends on the rows of its own touch key alone, so parts never write the same row; and all keys of one id are in one part.
"""

from dataclasses import dataclass

from psycopg import sql

from pipelines.warehouse import trusted_sql


@dataclass(frozen=True)
class Part:
    """Part `number` (from 0) of `count`."""

    number: int = 0
    count: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether it is all there is."""
        return self.count == 1

    def has(self, key: sql.Composable) -> sql.Composable:
        """The condition that the key (a uuid) belongs to this part."""
        if self.is_whole:
            return sql.SQL("true")
        return trusted_sql("abs(uuid_hash({})::bigint) % {} = {}").format(key, self.count, self.number)


WHOLE = Part()


def split(count: int) -> list[Part]:
    """So many parts, which together are the whole."""
    return [Part(number, count) for number in range(count)]
