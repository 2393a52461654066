"""Questions that mean the same: texts in, groups out. Pure, offline, on the CPU.

Belongs here: normalised wordings, what is a question, masking of personal data, vectors of texts, groups of vectors, how good groups are.
Does not: files, tables, Dagster, SQL, S3, the clock. Imports nothing of ours; models come in wheels and are imported when they are first used.
"""
