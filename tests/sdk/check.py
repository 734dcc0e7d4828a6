#!/usr/bin/env python3
"""Sends a real shop's book through the official segment-analytics-python, unmodified, and asks the oracle.

    scripts/test sdk                             what every check runs: --whole, on both databases
    pip install -r tests/sdk/requirements.txt    for running this by hand
    tests/sdk/check.py                           the first weeks of the demo's orders, a minute at most
    tests/sdk/check.py --whole                   all orders up to --at; then compared customer by customer
    tests/sdk/check.py --database postgres://…   on an empty PostgreSQL database (default: SQLite)

Starts the daemon on a virtual clock at --at, sends customers and orders (some of them twice, some gzipped, one of
them broken), stops it, drains, and compares what is in the book with what was sent. Exit 1 if anything differs.
Only host and write key are set on the SDK. Nothing here is shared with the product.
"""
import argparse
import csv
import gzip
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from urllib.request import urlopen
from zoneinfo import ZoneInfo

import segment.analytics as analytics

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ZONE = ZoneInfo("Europe/London")
SHORT = 1_500


def rows(name):
    with gzip.open(ROOT / "demo" / "retail" / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


class Daemon:
    """`kinkeeper serve` on its own data folder and port."""

    def __init__(self, binary, database, at):
        self.folder = tempfile.TemporaryDirectory(prefix="kinkeeper-sdk-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host = f"http://127.0.0.1:{free.getsockname()[1]}"
        settings = {"data_dir": self.folder.name, "http.listen": self.host.removeprefix("http://"),
                    "shop.key": "retail", "shop.timezone": "Europe/London", "shop.currency": "GBP", "shop.locale": "en",
                    "database.url": database or f"sqlite://{self.folder.name}/kinkeeper.db"}
        self.command = [binary, "--clock", at.isoformat()]
        for key, value in settings.items():
            self.command += ["--set", f"{key}={value}"]
        self.process = None

    def run(self, *arguments):
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout

    def start(self):
        self.process = subprocess.Popen([*self.command, "serve"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                with urlopen(f"{self.host}/readyz", timeout=2):
                    return
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("the daemon didn't start")
                time.sleep(0.1)
        sys.exit("the daemon isn't ready after 30 s")

    def stop(self):
        self.process.terminate()
        if self.process.wait(timeout=30) != 0:
            sys.exit("the daemon didn't stop cleanly")


def client(key, host, errors, packed):
    return analytics.Client(key, host=host, gzip=packed, max_queue_size=1_000_000, on_error=lambda e, items: errors.append(e))


def send(sender, order):
    """One row of orders.csv as a shop's own code would send it."""
    properties = {"currency": order["currency"], "total": float(order["total"])}
    if order["kind"] == "refund":
        name, properties["refund_id"] = "Order Refunded", order["order_id"]
    else:
        name, properties["order_id"] = "Order Completed", order["order_id"]
    sent, _ = sender.track(order["customer_id"], name, properties, timestamp=local(order["paid_at"]),
                           message_id=f"shop-{order['order_id']}")
    assert sent, "the SDK's queue is full"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target" / "debug" / "kinkeeper"))
    parser.add_argument("--database", help="an empty PostgreSQL database; default is a SQLite file")
    parser.add_argument("--at", default="2011-12-09T23:59:59", help="the shop's clock, local (default %(default)s)")
    parser.add_argument("--whole", action="store_true", help="the whole book, compared with the oracle")
    options = parser.parse_args()

    at = local(options.at)
    orders = [order for order in rows("orders") if local(order["paid_at"]) <= at]
    if not options.whole:
        orders = orders[:SHORT]
    known = {order["customer_id"] for order in orders}
    people = [person for person in rows("customers") if person["customer_id"] in known]

    daemon = Daemon(options.binary, options.database, at)
    key = json.loads(daemon.run("key", "create", "--role", "ingest", "--label", "sdk", "--format", "json"))["key"]
    daemon.start()
    errors, began = [], time.monotonic()
    plain, packed = (client(key, daemon.host, errors, packed) for packed in (False, True))
    for person in people:
        consent = {"granted": True, "denied": False}.get(person["consent_email_marketing"])
        traits = {"email": person["email"], "name": person["name"], "phone": person["phone"]}
        if consent is not None:
            traits["consents"] = {"email": {"marketing": consent}}
        plain.identify(person["customer_id"], traits, message_id=f"person-{person['customer_id']}")
    for n, order in enumerate(orders):
        send(packed if n % 2 else plain, order)
        if n % 10 == 0:
            send(plain, order)
    plain.track("12346", "Order Completed", {"order_id": "broken", "total": "free"})
    plain.page("12346", "Home")
    for sender in (plain, packed):
        sender.flush()
        sender.join()
    seconds = time.monotonic() - began
    daemon.stop()
    if errors:
        sys.exit(f"the SDK reports {len(errors)} error(s), the first: {errors[0]}")

    daemon.run("drain")
    profiles = pathlib.Path(daemon.folder.name) / "profiles.ndjson"
    profiles.write_text(daemon.run("export", "profiles"), encoding="utf-8")
    kept = [json.loads(line) for line in profiles.read_text(encoding="utf-8").splitlines()]
    # 12346 is told of a broken order and a page even where none of its orders is among those sent.
    missing = known - {profile["customer_id"] for profile in kept}
    if missing:
        sys.exit(f"{len(missing)} customers sent are not in the book, among them {sorted(missing)[0]}")
    print(f"sent {len(orders)} orders of {len(known)} customers in {seconds:.1f} s", file=sys.stderr)
    counts = json.loads(daemon.run("status", "--format", "json"))["counts"]
    if counts["quarantined"] != 1:
        sys.exit(f"one broken order should be in quarantine, not {counts['quarantined']}")
    if options.whole:
        oracle = [sys.executable, str(ROOT / "tests" / "oracle" / "oracle.py"), "--at", options.at, "--compare", str(profiles),
                  "--orders-only"]
        sys.exit(subprocess.run(oracle, check=False).returncode)


if __name__ == "__main__":
    main()
