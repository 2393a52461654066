"""Placeholder while helper source writes it."""


def apply(connection, tables, run):
    return {}
