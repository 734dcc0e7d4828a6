#!/usr/bin/env python3
"""Runs the invariants' SQL on a database and prints what is broken; exit 1 if anything is.

    invariants.py sqlite:data/demo-retail/kinkeeper.db [--at-rest] [NAME…]
    invariants.py postgres://user@host/db [--at-rest] [NAME…]

Only reads. PostgreSQL goes through `psql`. NAME narrows to files whose name contains it. Files at_rest_* run only with --at-rest:
they hold while no daemon works. The promises are in /invariants/*.sql, not here.
"""
import argparse
import csv
import io
import pathlib
import sqlite3
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "invariants"


def files(names=(), at_rest=False):
    found = [path for path in sorted(FOLDER.glob("*.sql"))
             if (at_rest or not path.name.startswith("at_rest_"))
             and (not names or any(name in path.name for name in names))]
    return found or sys.exit(f"no invariant is named {' or '.join(names)}; see {FOLDER.name}/")


def query(url, sql):
    """The rows of one SELECT."""
    if url.startswith("postgres"):
        done = subprocess.run(["psql", url, "--no-psqlrc", "--csv", "--tuples-only", "--set=ON_ERROR_STOP=1"],
                              input=sql, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"psql: {done.stderr.strip()}")
        return [tuple(row) for row in csv.reader(io.StringIO(done.stdout))]
    path = pathlib.Path(url.removeprefix("sqlite:").removeprefix("//"))
    if not path.is_file():
        sys.exit(f"{path} is no file; name the database as sqlite:PATH or postgres://…")
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--at-rest", action="store_true")
    options = parser.parse_args()
    broken = 0
    for path in files(options.names, options.at_rest):
        rows = query(options.url, path.read_text(encoding="utf-8"))
        print(f"{path.stem}: {'holds' if not rows else f'{len(rows)} rows'}")
        for what, ref in rows[:10]:
            print(f"  {what}: {ref}")
        broken += len(rows)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
