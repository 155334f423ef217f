"""Embedded PostgreSQL and Valkey for laptops and tests. Production sets DATABASE_URL and REDIS_URL and never comes here.

`environment` is the way in; `keeper` is the process that owns a server; `servers` knows how each one is run.
"""
