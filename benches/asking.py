"""A6 to A8: a rule asked of the whole book beside SQL written by hand and DuckDB in memory, and what a hundred live segments cost ingest."""
import contextlib
import json
import pathlib
import sqlite3
import tempfile
import time

import book
import keeping
from figures import Home, post_all, requests, serving, timed
from living import Line, share

DAY = keeping.DAY
LIVE = 100

# What a person would write for the same number at the instant {now}.
PROFILE = {"all": [{"profile": "spend_365", "gte": "200.00"}, {"profile": "orders_365", "gte": 2}, {"profile": "last_order_at", "within": "180d"}]}
PROFILE_BY_HAND = ("SELECT COUNT(*) FROM profile WHERE counts = 1 AND spend_365_minor >= 20000 AND orders_365 >= 2 "
                   "AND last_order_at > {now} - 180 * {day}")
TAG = {"tag": "value_tier", "in": ["silver", "gold"]}
TAG_BY_HAND = ("SELECT COUNT(*) FROM profile p WHERE p.counts = 1 AND EXISTS (SELECT 1 FROM tag_current t WHERE t.customer_id = p.customer_id "
               "AND t.key = 'value_tier' AND t.value IN ('silver', 'gold'))")
RECENT = "kind = 'Order Completed' AND effective = 1 AND received_at <= {now} AND occurred_at <= {now} AND occurred_at > {now} - 90 * {day}"
# A tenth of the events at the most: a quarter of one year of three.
COUNT = {"event": "Order Completed", "count": {"gte": 2}, "within": "90d"}
COUNT_BY_HAND = ("SELECT COUNT(*) FROM profile p WHERE p.counts = 1 AND p.customer_id IN (SELECT customer_id FROM event "
                 f"WHERE {RECENT} GROUP BY customer_id HAVING COUNT(*) >= 2)")
SUM = {"event": "Order Completed", "sum": {"of": "$amount", "gte": "500.00"}, "within": "90d"}
SUM_BY_HAND = ("SELECT COUNT(*) FROM profile p WHERE p.counts = 1 AND p.customer_id IN (SELECT customer_id FROM event "
               f"WHERE {RECENT} GROUP BY customer_id HAVING SUM(amount_minor) >= 50000)")
RULES = {"A6": {"three predicates on the profile": (PROFILE, PROFILE_BY_HAND), "a tag": (TAG, TAG_BY_HAND)},
         "A7": {"a count of events": (COUNT, COUNT_BY_HAND), "a sum of a property": (SUM, SUM_BY_HAND)}}


def document(key, rule, keep="live"):
    return json.dumps({"kind": "segment", "key": key, "name": {"en": key, "zh-CN": key}, "keep": keep, "rule": rule})


class Asked:
    """A kept book of a daemon that is asked, and the same database by hand."""

    def __init__(self, binary, parent, options, postgres):
        self.shop = keeping.Shop(binary, parent, options, postgres)
        self.postgres, self.parent = postgres, parent
        self.home = self.shop.home
        wanted = pathlib.Path(tempfile.mkstemp(suffix=".json", dir=parent)[1])
        wanted.write_text(document("asked_sum", SUM, "on_demand"), encoding="utf-8")
        self.home.run("apply", "--yes", "-f", wanted)
        self.home.run("drain")
        if postgres:
            postgres.sql("keeping", "VACUUM ANALYZE")
        made = self.home.run("key", "create", "--role", "marketer", "--label", "bench", "--format", "json")
        self.key = json.loads(made)["key"]
        self.now = int(self.by_hand_rows("SELECT now_at FROM clock")[0][0])

    def by_hand_rows(self, sql):
        if self.postgres:
            return [line.split("|") for line in self.postgres.psql("keeping", f"{sql};\n").splitlines()]
        with contextlib.closing(sqlite3.connect(self.home.file)) as connection:
            return connection.execute(sql).fetchall()

    def by_hand(self, sql, tries):
        """The number, and the seconds of the middle try, on one connection."""
        sql = sql.format(now=self.now, day=DAY)
        if self.postgres:
            lines = self.postgres.psql("keeping", "SET work_mem = '64MB';\n\\timing on\n" + f"{sql};\n" * tries).splitlines()
            took = [float(line.split()[1]) / 1_000 for line in lines if line.startswith("Time:")]
            found = int(next(line for line in lines if not line.startswith("Time:")))
        else:
            with contextlib.closing(sqlite3.connect(self.home.file)) as connection:
                connection.execute("PRAGMA cache_size = -65536")
                took, found = [], None
                for _ in range(tries):
                    def ask():
                        nonlocal found
                        found = connection.execute(sql).fetchone()[0]
                    took.append(timed(ask))
        return found, share(took, 0.5)

    def request(self, rule, by=None):
        body = json.dumps({"rule": rule} | ({"by": by} if by else {})).encode()
        head = f"POST /api/v1/segments/count HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def close(self):
        self.shop.close()


def answered(line, request):
    status, body = line.ask(request)
    if status != 200:
        raise SystemExit(f"{status}: {body[:300]}")
    return json.loads(body)


def beside_sql(asked, port, which, tries=7):
    """By rule: seconds of ours over HTTP, of the same by hand, and the number both came to."""
    line = Line(port)
    for name, (rule, sql) in RULES[which].items():
        request, took = asked.request(rule, "database"), []
        for _ in range(tries):
            sent = time.monotonic()
            told = answered(line, request)
            took.append(time.monotonic() - sent)
        found, by_hand = asked.by_hand(sql, tries)
        if told["count"] != found:
            raise SystemExit(f"{name}: {told['count']} of ours are {found} by hand")
        yield name, share(took, 0.5), by_hand, found


def typed(n):
    """A rule as somebody goes on typing it."""
    return {"all": [{"profile": "spend_365", "gte": f"{n % 900}.00"}, {"profile": "orders_365", "gte": n % 7}, {"profile": "last_order_at", "within": f"{30 + n % 300}d"},
                    {"tag": "value_tier", "in": ["silver", "gold"][: 1 + n % 2]}]}


def while_typing(asked, port, by=None, tries=200):
    """Seconds that nineteen of twenty counts stay within, and what the last one said."""
    line, took = Line(port), []
    for n in range(tries):
        request = asked.request(typed(n), by)
        sent = time.monotonic()
        told = answered(line, request)
        took.append(time.monotonic() - sent)
    return share(took, 0.95), told


def in_duckdb(asked, tries=200):
    """The same of DuckDB in memory with the same columns; `None` where it isn't installed."""
    try:
        import duckdb
    except ImportError:
        return None
    rows = asked.by_hand_rows("SELECT p.counts, p.spend_365_minor, p.orders_365, COALESCE(p.last_order_at, 0), COALESCE(t.value, '') FROM profile p "
                              "LEFT JOIN tag_current t ON t.customer_id = p.customer_id AND t.key = 'value_tier'")
    path = pathlib.Path(tempfile.mkstemp(suffix=".csv", dir=asked.parent)[1])
    path.write_text("counts,spend,orders,last,tier\n" + "\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute(f"CREATE TABLE p AS SELECT * FROM read_csv('{path}', header = true, columns = "
                       "{'counts': 'TINYINT', 'spend': 'BIGINT', 'orders': 'INTEGER', 'last': 'BIGINT', 'tier': 'VARCHAR'})")
    path.unlink()
    took = []
    for n in range(tries):
        tiers = ["silver", "gold"][: 1 + n % 2]
        sql = ("SELECT COUNT(*) FROM p WHERE counts = 1 AND spend >= ? AND orders >= ? AND last > ? AND tier IN (" + ", ".join("?" * len(tiers)) + ")")
        arguments = [n % 900 * 100, n % 7, asked.now - (30 + n % 300) * DAY, *tiers]
        took.append(timed(lambda: connection.execute(sql, arguments).fetchall()))
    return share(took, 0.95)


# --- A8 -------------------------------------------------------------------------------------------------

def live_segments():
    """A hundred such as marketers make."""
    for n in range(LIVE):
        rule = [
            {"all": [{"profile": "spend_365", "gte": f"{100 * (n + 1)}.00"}, {"days_since": "last_order_at", "lte": 30 + n}]},
            {"all": [{"tag": "value_tier", "in": ["silver", "gold", "diamond"]}, {"not": {"tag": "complaint_open"}}, {"profile": "orders_365", "gte": n % 9}]},
            {"event": "Order Completed", "count": {"gte": 1 + n % 5}, "within": f"{30 + n}d"},
            {"all": [{"tag": "churn_risk"}, {"profile": "avg_order_365", "gte": f"{50 + n}.00"}, {"share": f"{1 + n}%", "salt": "a"}]},
            {"event": "Product Added", "where": [{"property": "price", "gte": 100 + n}], "within": f"{7 + n % 30}d"},
        ][n % 5]
        yield document(f"live_{n}", rule)


class Fed:
    """A kept book on the real clock into which events come."""

    def __init__(self, binary, parent, url, size, live):
        self.home, self.size = Home(binary, parent, url), size
        orders = pathlib.Path(parent) / "fed-orders.csv"
        if not orders.exists():
            book.write_orders(orders, size)
        self.home.run("import", "orders", orders)
        if live:
            path = self.home.folder / "live.yaml"
            path.write_text("\n---\n".join(live_segments()), encoding="utf-8")
            self.home.run("apply", "--yes", "-f", path)
        self.home.run("drain")
        made = self.home.run("key", "create", "--role", "ingest", "--label", "bench", "--format", "json")
        self.key = json.loads(made)["key"]

    def take(self, count, turn):
        """Seconds until so many batches are in and everybody is kept again."""
        prepared = list(requests(self.key, self.size, count, turn))
        with serving(self.home) as (_, port):
            seconds = timed(lambda: post_all(port, prepared))
        return seconds + timed(lambda: self.home.run("drain"))
