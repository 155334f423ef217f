"""Embedded PostgreSQL and Valkey for laptops and tests. Production sets both addresses and never comes here.

`environment` is the way in, `keeper` the process that owns a server, `servers` knows how each one is run; `processes`
and `static` are what `manage.py up` runs on.
"""
