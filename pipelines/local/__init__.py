"""The embedded world: a real Postgres and a real S3 server from wheels, demo rows and importers. Production never imports it."""
