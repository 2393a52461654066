"""The pipeline: the only package that knows Dagster, Postgres and S3."""
