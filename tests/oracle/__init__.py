"""An independent answer to every number of every mart: plain Python, written from the definitions and not from the SQL.

Belongs here: what the runs saw (mirror), the ledger, zones, student days, one module per group of marts, and the generated platforms that both answers
are asked about. Does not: tests (tests/test_oracle.py and its neighbours).
"""
