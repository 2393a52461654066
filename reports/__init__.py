"""Reports: rows in, bytes out.

Belongs here: the document that a report is made from, the formats, the page with its charts and words.
Does not: where rows come from, where bytes go, what time it is. Nothing of ours outside this folder is imported, and no
database, object store, network, clock or environment is touched: the same document gives the same bytes.
"""
