"""DuckDB with its PostgreSQL scanner: one statement script against an attached database.

    duck.py DSN FILE STATEMENT …      FILE is a database, or `:memory:`
"""
import sys

import duckdb
from duckdb_extensions import import_extension

dsn, file, *statements = sys.argv[1:]
import_extension("postgres_scanner")
connection = duckdb.connect(file)
connection.execute("load postgres_scanner")
if dsn:
    connection.execute(f"attach '{dsn}' as pg (type postgres)")
for statement in statements:
    done = connection.execute(statement)
    if statement.lstrip().lower().startswith("select"):
        for row in done.fetchall():
            print("|".join(str(value) for value in row))
connection.close()
