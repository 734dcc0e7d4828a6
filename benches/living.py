"""A4 and A5: a daemon at a steady rate of events, how soon a tag is seen, and what somebody who looks people up waits for."""
import contextlib
import json
import pathlib
import socket
import sqlite3
import threading
import time

import book
from figures import Home, requests, serving, timed

# Events of one batch: what a shop's pages send together.
TOGETHER = 20
LOADERS = 4
LOOKERS = 4
LOOKS = 200


class Line:
    """One kept-alive connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")

    def ask(self, request):
        self.socket.sendall(request)
        status, length = self.answers.readline(), 0
        while (header := self.answers.readline().strip().lower()) != b"":
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        return int(status.split()[1]), self.answers.read(length)


def get(path, key):
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


class Shop:
    """A book on the real clock with orders and tickets, everybody kept, and keys to send with and to look with."""

    def __init__(self, binary, parent, url, size):
        parent = pathlib.Path(parent)
        self.size, self.turn = size, 0
        self.home = Home(binary, parent, url)
        for kind, write in (("orders", book.write_orders), ("tickets", book.write_tickets)):
            path = parent / f"living-{kind}.csv"
            write(path, size)
            self.home.run("import", kind, path)
        self.home.run("drain")
        self.send, self.look = (self.key(role) for role in ("ingest", "admin"))

    def key(self, role):
        made = self.home.run("key", "create", "--role", role, "--label", f"bench {role}", "--format", "json")
        return json.loads(made)["key"]


def paced(port, prepared, rate, stop, into):
    """Asks in turn at this rate, and puts down the seconds each took; who is late catches up. Ends when told, or with the last."""
    line, begun = Line(port), time.monotonic()
    for n, request in enumerate(prepared):
        wait = begun + n / rate - time.monotonic()
        if stop.wait(max(wait, 0)):
            return
        sent = time.monotonic()
        status, body = line.ask(request)
        into.append(time.monotonic() - sent)
        if status != 200:
            raise SystemExit(f"{status}: {body[:300]}")


@contextlib.contextmanager
def loaded(shop, port, rate, seconds):
    """Events come in at this rate meanwhile; gives the seconds each batch took."""
    count = int(rate * (seconds + 5) / TOGETHER)
    prepared = list(requests(shop.send, shop.size, count, shop.turn, TOGETHER))
    shop.turn += 1
    stop, took = threading.Event(), []
    loaders = [threading.Thread(target=paced, args=(port, prepared[n::LOADERS], rate / TOGETHER / LOADERS, stop, took)) for n in range(LOADERS)]
    for thread in loaders:
        thread.start()
    try:
        time.sleep(1)
        yield took
    finally:
        stop.set()
        for thread in loaders:
            thread.join()


def share(values, of):
    """The value that this share of them doesn't exceed."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * of))]


def until_seen(shop, port, seconds):
    """Seconds from sending somebody's first order until their profile shows that they are a new customer, again and again."""
    line, took, n, ends = Line(port), [], 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        who, now = f"P{shop.turn:03d}-{n:05d}", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        event = {"type": "track", "event": "Order Completed", "messageId": f"probe-{who}", "userId": who, "timestamp": now,
                 "properties": {"order_id": f"order-{who}", "total": 12.5}}
        body = json.dumps({"batch": [event], "writeKey": shop.send}).encode()
        head = f"POST /v1/batch HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        sent = time.monotonic()
        line.ask(head.encode() + body)
        seen = get(f"/api/v1/customers/by/user_id/{who}", shop.look)
        while b'"new_customer"' not in line.ask(seen)[1]:
            if time.monotonic() - sent > 30:
                raise SystemExit("a tag wasn't seen within 30 s")
            time.sleep(0.002)
        took.append(time.monotonic() - sent)
        n += 1
        time.sleep(0.1)
    return took


def looked_up(shop, port, seconds):
    """Seconds of each profile, people being looked up at a steady rate."""
    customers = max(1, int(book.CUSTOMERS * shop.size))
    requests_of = [[get(f"/api/v1/customers/by/user_id/C{(n * 7919 + k * 104729) % customers:07d}", shop.look) for n in range(int(seconds * LOOKS / LOOKERS))]
                   for k in range(LOOKERS)]
    into = []
    def look(prepared):
        line, begun = Line(port), time.monotonic()
        for n, request in enumerate(prepared):
            time.sleep(max(0, begun + n * LOOKERS / LOOKS - time.monotonic()))
            sent = time.monotonic()
            status, _ = line.ask(request)
            # Not everybody that could be was ever named.
            if status == 200:
                into.append(time.monotonic() - sent)
    lookers = [threading.Thread(target=look, args=(prepared,)) for prepared in requests_of]
    for thread in lookers:
        thread.start()
    for thread in lookers:
        thread.join()
    return into


def searched(shop, port):
    """The slowest of a few kinds of search, each the middle one of its tries: (kind, seconds)."""
    line, found = Line(port), []
    for kind, query in {"own id": "q=C0000012", "order": "q=O000000123", "part of a name": "q=Customer", "mail": "q=c0000012@example.com",
                        "tag": "tag=value_tier=silver"}.items():
        took = []
        for _ in range(15):
            sent = time.monotonic()
            status, body = line.ask(get(f"/api/v1/customers?{query}", shop.look))
            took.append(time.monotonic() - sent)
            if status != 200:
                raise SystemExit(f"{query}: {status} {body[:300]}")
        found.append((sorted(took)[len(took) // 2], kind))
    seconds, kind = max(found)
    return kind, seconds


def anonymous(daemon):
    """MiB of memory that is the daemon's own."""
    for line in pathlib.Path(f"/proc/{daemon.pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) / 1_024
    raise SystemExit("smaps_rollup names no anonymous memory")


def one_row(shop, postgres, name, tries=500):
    """Seconds of reading a row by its key, as 99 of 100 take at the most."""
    if postgres:
        lines = postgres.psql(name, "\\timing on\n" + "".join(f"SELECT * FROM customer WHERE id = {n};\n" for n in range(1, tries))).splitlines()
        return share([float(line.split()[1]) / 1_000 for line in lines if line.startswith("Time:")], 0.99)
    with contextlib.closing(sqlite3.connect(shop.home.file)) as connection:
        return share([timed(lambda n=n: connection.execute("SELECT * FROM customer WHERE id = ?", (n,)).fetchall()) for n in range(1, tries)], 0.99)


def live(shop, rate, seconds):
    """What one turn of a daemon comes to."""
    with serving(shop.home) as (daemon, port):
        with loaded(shop, port, rate, seconds) as batches:
            seen = until_seen(shop, port, seconds)
        taken = len(batches) * TOGETHER / (seconds + 1)
        with loaded(shop, port, rate, seconds):
            looks = looked_up(shop, port, seconds)
        kind, search = searched(shop, port)
        return {"taken": taken, "seen": share(seen, 0.99), "middle": share(seen, 0.5), "profile": share(looks, 0.99), "search": search, "kind": kind,
                "memory": anonymous(daemon)}
