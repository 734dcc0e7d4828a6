"""The figures: each measured beside its reference in one run, on the same machine, database and durability."""
import contextlib
import json
import pathlib
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from urllib.request import urlopen

import book


class Home:
    """A data folder, and the program on it."""

    def __init__(self, binary, parent, url=None, clock=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kinkeeper-bench-", dir=parent))
        self.file = self.folder / "kinkeeper.db"
        self.url = url or f"sqlite://{self.file}"
        settings = {"data_dir": self.folder, "database.url": self.url, "shop.timezone": "UTC", "shop.currency": "CNY"}
        if clock:
            settings["clock"] = clock
        self.command = [str(binary)]
        for key, value in settings.items():
            self.command += ["--set", f"{key}={value}"]

    def without_clock(self):
        """From now on its clock goes on from where it stands."""
        self.command = [part for n, part in enumerate(self.command) if not any(p.startswith("clock=") for p in self.command[n:n + 2])]

    def run(self, *arguments):
        done = subprocess.run([*self.command, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"kinkeeper {' '.join(map(str, arguments))} failed:\n{done.stderr}")
        return done.stdout


def timed(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


# --- A1 -------------------------------------------------------------------------------------------------

def import_on_sqlite(binary, parent, path):
    """Seconds of the import, and of loading the same rows into the same tables by prepared inserts."""
    home = Home(binary, parent)
    home.run("migrate")
    ours = timed(lambda: home.run("import", "orders", path))
    reference = Home(binary, parent)
    reference.run("migrate")
    source = sqlite3.connect(home.file)
    target = sqlite3.connect(reference.file, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
        target.execute(f"PRAGMA {pragma}")
    tables = [name for (name,) in source.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'seaql_%'")]
    seconds = 0.0
    for table in tables:
        marks = ", ".join("?" * len(source.execute(f"SELECT * FROM {table} LIMIT 0").description))
        target.execute(f"DELETE FROM {table}") if table != "audit" else None
        rows = source.execute(f"SELECT * FROM {table}")
        while piece := rows.fetchmany(20_000):
            def insert(table=table, marks=marks, piece=piece):
                target.execute("BEGIN IMMEDIATE")
                target.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", piece)
                target.execute("COMMIT")
            seconds += timed(insert)
    return ours, seconds


def import_on_postgres(binary, parent, path, server, turn):
    """The same with COPY."""
    ours_name, other_name = f"ours{turn}", f"reference{turn}"
    home = Home(binary, parent, server.database(ours_name))
    home.run("migrate")
    ours = timed(lambda: home.run("import", "orders", path))
    Home(binary, parent, server.database(other_name)).run("migrate")
    tables = server.sql(ours_name, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' "
                                   "AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'seaql_%' ORDER BY 1")
    out = pathlib.Path(tempfile.mkdtemp(prefix="kinkeeper-bench-rows-", dir=parent))
    seconds = 0.0
    for table in tables:
        if server.sql(ours_name, f"SELECT COUNT(*) FROM {table}") == ["0"]:
            continue
        if server.sql(other_name, f"SELECT COUNT(*) FROM {table}") != ["0"]:
            continue  # What a new book has anyway.
        server.psql(ours_name, f"\\copy {table} TO '{out / table}'\n")
        def copy(table=table):
            server.psql(other_name, f"SET session_replication_role = replica;\n\\copy {table} FROM '{out / table}'\n")
        seconds += timed(copy)
        (out / table).unlink()
    server.drop(ours_name)
    server.drop(other_name)
    return ours, seconds


# --- A2 -------------------------------------------------------------------------------------------------

CLIENTS = 10
LENGTH = 100


def requests(key, size, count, turn, length=LENGTH):
    """Whole HTTP requests, made beforehand: what is measured is the daemon."""
    for batch in book.batches(size, count, length, turn):
        body = json.dumps({"batch": batch, "writeKey": key}).encode()
        head = f"POST /v1/batch HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        yield head.encode() + body


def post_all(port, prepared):
    """Sends them from CLIENTS connections; each waits for its answer. Gives the events taken in."""
    queue, lock, taken, faults = iter(prepared), threading.Lock(), [], []

    def client():
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = line.makefile("rb")
            while True:
                with lock:
                    request = next(queue, None)
                if request is None or faults:
                    return
                line.sendall(request)
                status = answers.readline()
                length = 0
                while (header := answers.readline().strip().lower()) != b"":
                    if header.startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                said = json.loads(answers.read(length))
                if b" 200 " not in status or said["accepted"] != LENGTH:
                    faults.append(f"{status!r} {said}")
                taken.append(said.get("accepted", 0))

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        sys.exit(f"a batch wasn't taken in: {faults[0]}")
    return sum(taken)


class Book:
    """A shop with its customers and orders, everybody kept, and a key to send facts with."""

    def __init__(self, binary, parent, url, path):
        self.home = Home(binary, parent, url)
        self.home.run("import", "orders", path)
        self.home.run("drain")
        made = self.home.run("key", "create", "--role", "ingest", "--label", "bench", "--format", "json")
        self.key = json.loads(made)["key"]


@contextlib.contextmanager
def serving(home):
    """A daemon on this book that is ready, as (process, port); gone afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"log.filter": "error", "http.listen": f"127.0.0.1:{port}", "http.ingest_rate": 100_000, "http.ingest_burst": 100_000}
    command = [*home.command, *(part for key, value in settings.items() for part in ("--set", f"{key}={value}")), "serve"]
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=sys.stderr)
    try:
        for _ in range(300):
            try:
                urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2).close()
                break
            except OSError:
                if daemon.poll() is not None:
                    sys.exit("the daemon didn't start")
                time.sleep(0.1)
        else:
            sys.exit("the daemon isn't ready after 30 s")
        yield daemon, port
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)


def ingest(shop, size, count, turn):
    """Events a second into this shop, answered after their commit; its daemon does all its other work meanwhile."""
    prepared = list(requests(shop.key, size, count, turn))
    with serving(shop.home) as (_, port):
        warm = len(prepared) // 10
        post_all(port, prepared[:warm])
        taken = []
        seconds = timed(lambda: taken.append(post_all(port, prepared[warm:])))
        return taken[0] / seconds


SINGLE_ROWS = """\\set customer random(1, 1000000)
\\set amount random(1, 100000)
INSERT INTO bench_event (customer_id, kind, occurred_at, amount_minor) VALUES (:customer, 'Order Completed', 1700000000000000, :amount);
"""


def single_rows(server, seconds):
    """Rows a second by ten clients, each row a durable transaction."""
    server.database("single")
    server.sql("single", "CREATE TABLE bench_event (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id BIGINT NOT NULL, "
                         "kind TEXT NOT NULL, occurred_at BIGINT NOT NULL, amount_minor BIGINT)")
    rate = server.pgbench("single", SINGLE_ROWS, CLIENTS, seconds)
    server.drop("single")
    return rate


def median(values):
    return statistics.median(values)
