"""Making the rows of one rollup what they should be, and counting those that were not."""

from __future__ import annotations

from typing import Any

from django.db import connection


def repair(table: str, keys: tuple[str, ...], expected: str, scope: str = "true") -> int:
    """Makes the rows of `table` in `scope` those of the query `expected`; returns how many rows were touched."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE expected_row ON COMMIT DROP AS {expected}")
        columns = [column.name for column in _columns(cursor)]
        matches = " AND ".join(f"expected_row.{key} = {table}.{key}" for key in keys)
        cursor.execute(f"DELETE FROM {table} WHERE {scope} AND NOT EXISTS (SELECT FROM expected_row WHERE {matches})")
        touched = int(cursor.rowcount)
        values = [column for column in columns if column not in keys]
        old, new = ([f"{side}.{value}" for value in values] for side in (table, "EXCLUDED"))
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM expected_row "
            f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET ({', '.join(values)}) = ROW({', '.join(new)}) "
            f"WHERE ({', '.join(old)}) IS DISTINCT FROM ({', '.join(new)})"
        )
        touched += int(cursor.rowcount)
        cursor.execute("DROP TABLE expected_row")
        return touched


def _columns(cursor: Any) -> Any:
    cursor.execute("SELECT * FROM expected_row LIMIT 0")
    return cursor.description
