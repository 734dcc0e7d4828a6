#!/usr/bin/env python3
"""One official SDK, unmodified, against the real binary behind a bad network: suites.py segment|rudder|node|dittofeed|raw

    scripts/test sdk                   what every check runs: all of them, on both databases
    tests/sdk/suites.py node           one of them, once scripts/test sdk has installed them below target/
    … --database postgres://…          on an empty PostgreSQL database (default: SQLite)

`raw` is no SDK: it posts batches as large as may be, 2,500 events. The SDKs keep to 475 kB by their own count, which 2,500
events with all that they add don't fit into.

Sends people, 500 orders of which one is broken, thousands of other events in batches as large as the SDK makes them,
gzipped where it can, and one event by a clock an hour ahead. The first requests are answered 503 and 429, or carried out
and then not answered. What must be in the book in the end is counted by SQL of its own: each event once, one in
quarantine. Exit 1 if anything differs.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

from proxy import Proxy

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FAULTS = ["503", "lost", "429", "late", "503", "lost"]

# Largest batch seen at least, gzip, events of each kind.
EXPECTED = {
    "segment": {"largest": 1000, "gzip": True, "kinds": {"Offer Viewed": 2500, "Group": 1}},
    "rudder": {"largest": 1000, "gzip": True, "kinds": {"Offer Viewed": 2500, "Group": 1}},
    "node": {"largest": 1000, "gzip": False, "kinds": {"Offer Viewed": 2500, "Group": 1}},
    "raw": {"largest": 2500, "gzip": True, "kinds": {"Offer Viewed": 2500, "Group": 1}},
    "dittofeed": {"largest": 4, "gzip": False, "kinds": {"Offer Viewed": 100}},
}
IN_ALL = {"Identify": 3, "Order Completed": 499, "Clock Ahead": 1}


class Daemon:
    """`kinkeeper serve` on a book of its own, on real time."""

    def __init__(self, binary, folder, database):
        self.database = database or f"sqlite://{folder}/kinkeeper.db"
        settings = {"data_dir": folder, "http.listen": "127.0.0.1:0", "database.url": self.database}
        self.command = [binary] + [part for pair in settings.items() for part in ("--set", "=".join(pair))]
        self.process = None

    def key(self):
        made = subprocess.run([*self.command, "key", "create", "--role", "ingest", "--format", "json"], check=True,
                              capture_output=True, text=True)
        return json.loads(made.stdout)["key"]

    def start(self):
        self.process = subprocess.Popen([*self.command, "serve"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if "listening on " in line:
                return line.split()[-1]
        sys.exit("the daemon didn't start")

    def stop(self):
        self.process.terminate()
        if self.process.wait(timeout=40) != 0:
            sys.exit("the daemon didn't stop cleanly")


def sender(name, options, host, key):
    """The process that sends; with nothing of our surroundings but what it needs."""
    surroundings = {"SDK_HOST": host, "SDK_KEY": key, "SDK_FOLDER": options.node_modules, "PATH": os.environ.get("PATH", ""),
                    "NO_PROXY": "127.0.0.1"}
    script = {"node": "node/segment.cjs", "dittofeed": "node/dittofeed.cjs"}.get(name)
    command = ["node", str(HERE / script)] if script else [sys.executable, str(HERE / "senders.py"), name]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=80, check=False)


def rows(database, sql):
    if database.startswith("sqlite://"):
        file = database.removeprefix("sqlite://")
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as book:
            return book.execute(sql).fetchall()
    psql = shutil.which("psql", path=os.environ.get("KINKEEPER_PG_BIN") or os.environ.get("PATH"))
    if not psql:
        sys.exit("psql isn't found; set KINKEEPER_PG_BIN to the folder it lies in")
    answer = subprocess.run([psql, database, "-X", "-At", "-F", "\x1f", "-c", sql], check=True, capture_output=True, text=True)
    number = re.compile(r"-?\d+")
    def value(text):
        return int(text) if number.fullmatch(text) else text
    return [tuple(value(text) for text in line.split("\x1f")) for line in answer.stdout.splitlines()]


def differences(name, database, seen, began):
    """All that isn't as it should be."""
    expected = EXPECTED[name]
    def check(what, found, wanted):
        if found != wanted:
            yield f"{what}: {found}, not {wanted}"
    kinds = dict(rows(database, "SELECT kind, COUNT(*) FROM event GROUP BY kind"))
    yield from check("events", kinds, {**IN_ALL, **expected["kinds"]})
    doubled = "SELECT message_id FROM event GROUP BY source_id, message_id HAVING COUNT(*) > 1"
    yield from check("messages there twice", rows(database, doubled), [])
    for kind, prefix, many in (("Order Completed", "order", 500), ("Offer Viewed", "offer", expected["kinds"]["Offer Viewed"])):
        found = {id for (id,) in rows(database, f"SELECT message_id FROM event WHERE kind = '{kind}'")}
        wanted = {f"{prefix}-{n}" for n in range(many)} - {"order-250"}
        yield from check(f"lost or invented of {kind}", sorted(found ^ wanted), [])
    # Orders 0 to 499 of n + 0.50 each, without the broken one.
    total = sum(n * 100 + 50 for n in range(500) if n != 250)
    yield from check("orders", rows(database, "SELECT COUNT(*), SUM(total_minor) FROM orders WHERE paid_at IS NOT NULL"), [(499, total)])
    yield from check("customers", rows(database, "SELECT COUNT(*) FROM customer"), [(3,)])
    yield from check("addresses", rows(database, "SELECT COUNT(*) FROM contact_point WHERE channel = 'email'"), [(3,)])
    quarantined = rows(database, "SELECT message_id, code FROM quarantine")
    yield from check("quarantine", quarantined, [("order-250", "amount_not_a_number")])
    [(ahead,)] = rows(database, "SELECT occurred_at FROM event WHERE kind = 'Clock Ahead'")
    if not began <= ahead / 1e6 <= time.time() + 1:
        yield f"the sender's clock was an hour ahead; its event is {ahead / 1e6 - time.time():.0f} s from now"
    yield from check("faults met", [request["fault"] for request in seen if request["fault"]], FAULTS)
    yield from check("gzip", any(request["gzip"] for request in seen), expected["gzip"])
    largest = max(request["events"] for request in seen)
    if largest < expected["largest"]:
        yield f"the largest batch had {largest} events, not {expected['largest']} or more"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdk", choices=EXPECTED)
    parser.add_argument("--binary", default=str(ROOT / "target" / "debug" / "kinkeeper"))
    parser.add_argument("--database", help="an empty PostgreSQL database; default is a SQLite file")
    parser.add_argument("--node-modules", default=str(ROOT / "target" / "sdk-node"), help="where npm installed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kinkeeper-suite-") as folder:
        daemon = Daemon(options.binary, folder, options.database)
        key = daemon.key()
        began = time.time()
        proxy = Proxy(daemon.start(), FAULTS)
        try:
            sent = sender(options.sdk, options, proxy.host, key)
        finally:
            proxy.stop()
            daemon.stop()
        if sent.returncode != 0:
            sys.exit(f"the sender failed:\n{sent.stdout}{sent.stderr}")
        wrong = list(differences(options.sdk, daemon.database, proxy.seen, began))
        largest = max(request["events"] for request in proxy.seen)
        paths = sorted({request["path"] for request in proxy.seen})
        print(f"{options.sdk}: {len(proxy.seen)} requests to {', '.join(paths)}, at most {largest} events in one, "
              f"{len(FAULTS)} faults, {time.time() - began:.1f} s", file=sys.stderr)
        if wrong:
            sys.exit("\n".join(wrong))
        print("suite passed", file=sys.stderr)


if __name__ == "__main__":
    main()
