"""A3 and A4: what keeping customers costs, cold and day by day. Each of A3 beside the database's own INSERT … SELECT."""
import contextlib
import pathlib
import shutil
import sqlite3
import tempfile
import time

import book
from figures import Home, timed

DAY = 86_400_000_000
# A day's are too few to time at the sizes that are measured often.
LATER = 30
THREE = ("value_tier", "churn_risk", "complaint_history")

# What a person would write for these three tags at the instant {now}: their rows, with evidence, and the ledger of how they began.
# Less than the keeper writes: no holds, no aggregates, nobody's next due time.
THREE_TAGS = """
CREATE TEMP TABLE bought AS SELECT customer_id,
  SUM(CASE WHEN paid_at > {year} THEN total_minor - refunded_minor ELSE 0 END) AS spend,
  MAX(CASE WHEN total_minor > refunded_minor THEN paid_at END) AS last_at
  FROM orders WHERE cancelled_at IS NULL AND paid_at IS NOT NULL GROUP BY customer_id;
CREATE TEMP TABLE complained AS SELECT customer_id, COUNT(*) AS n, MAX(opened_at) AS last_at FROM ticket
  WHERE complaint = 1 AND opened_at > {year} GROUP BY customer_id;
INSERT INTO tag_current (customer_id, key, value, since, as_of, source, rule_version, evidence)
  SELECT c.id, 'value_tier', CASE WHEN b.spend >= 1000000 THEN 'diamond' WHEN b.spend >= 500000 THEN 'gold'
    WHEN b.spend >= 200000 THEN 'silver' WHEN b.spend > 0 THEN 'regular' ELSE 'none' END,
    COALESCE(b.last_at, {now}), {now}, 'computed', 1, '{{"spend_365":"' || COALESCE(b.spend, 0) || '"}}'
  FROM customer c LEFT JOIN bought b ON b.customer_id = c.id
  UNION ALL
  SELECT c.id, 'complaint_history', CASE WHEN t.n >= 3 THEN 'frequent' WHEN t.n = 2 THEN 'several' WHEN t.n = 1 THEN 'one' ELSE 'none' END,
    COALESCE(t.last_at, {now}), {now}, 'computed', 1, '{{"complaints_365":' || COALESCE(t.n, 0) || '}}'
  FROM customer c LEFT JOIN complained t ON t.customer_id = c.id
  UNION ALL
  SELECT b.customer_id, 'churn_risk', 'true', b.last_at + 180 * {day}, {now}, 'computed', 1, '{{"last_order_at":' || b.last_at || '}}'
  FROM bought b WHERE b.last_at < {quiet};
INSERT INTO tag_history (customer_id, key, from_value, to_value, since, as_of, recorded_at, cause, historical, rule_version, evidence)
  SELECT customer_id, key, NULL, value, since, as_of, as_of, 'event', 1, rule_version, evidence FROM tag_current;
"""

# A book has all tags that are shipped: the others become such as people give, whose rule there is none of.
WITHOUT_RULE = """
UPDATE rule_version SET document = REPLACE('{{"key":"KEY","name":{{"en":"By hand","zh-CN":"手工"}},"group":"contact","values":[{{"value":"a","name":{{"en":"A","zh-CN":"甲"}}}}],"by_hand":{{}}}}',
  'KEY', key) WHERE key NOT IN {only};
"""


class Shop:
    """A book whose facts are all in, with a virtual clock; kept by nobody yet. Copies of it are measured."""

    def __init__(self, binary, parent, options, postgres):
        self.binary, self.parent, self.postgres, self.copies = binary, parent, postgres, 0
        self.orders, self.tickets = (pathlib.Path(parent) / f"keeping-{name}.csv" for name in ("orders", "tickets"))
        book.write_orders(self.orders, options.size)
        book.write_tickets(self.tickets, options.size)
        self.home = self._home("keeping")
        self.home.run("migrate")
        self.home.run("import", "orders", self.orders)
        self.home.run("import", "tickets", self.tickets)
        if not postgres:
            # All of it into the one file that is copied.
            with contextlib.closing(sqlite3.connect(self.home.file)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _home(self, name):
        url = self.postgres.database(name) if self.postgres else None
        return Home(self.binary, self.parent, url, book.END)

    def close(self):
        """Nothing is copied from it any more."""
        if self.postgres:
            self.postgres.drop("keeping")
        shutil.rmtree(self.home.folder)

    @contextlib.contextmanager
    def copy(self):
        """A book of its own with all of this one's, as (its home, how SQL is run in it); gone afterwards."""
        self.copies += 1
        if self.postgres:
            name = f"keeping{self.copies}"
            home = Home(self.binary, self.parent, self.postgres.copy("keeping", name), book.END)
            self.postgres.sql(name, "ANALYZE")
            run = lambda script: [line.split("|") for line in self.postgres.psql(name, script).splitlines()]  # noqa: E731
        else:
            home = Home(self.binary, self.parent, None, book.END)
            shutil.copy(self.home.file, home.file)
            run = lambda script: on_sqlite(home.file, script)  # noqa: E731
        for own in self.home.folder.glob("*.key"):
            shutil.copy(own, home.folder)
        try:
            yield home, run
        finally:
            if self.postgres:
                self.postgres.drop(name)
            shutil.rmtree(home.folder)


def on_sqlite(file, script):
    """Runs statements as the daemon's connection would: durable, in one transaction. Gives the last one's rows."""
    connection = sqlite3.connect(file, isolation_level=None)
    with contextlib.closing(connection):
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        rows = []
        for statement in ["BEGIN IMMEDIATE", *filter(str.strip, script.split(";\n")), "COMMIT"]:
            rows = connection.execute(statement).fetchall() or rows
        return [[str(cell) for cell in row] for row in rows]


def count(run):
    return tuple(int(n) for n in run("SELECT (SELECT COUNT(*) FROM tag_current), (SELECT COUNT(*) FROM tag_history);\n")[-1])


def cold(shop, only=None):
    """Seconds of keeping everybody for the first time, with these tags alone if some are named; and the rows left."""
    with shop.copy() as (home, run):
        if only:
            run(WITHOUT_RULE.format(only=only))
        seconds = timed(lambda: home.run("drain"))
        return seconds, count(run)


def by_hand(shop):
    """Seconds of the same rows by the database alone, and how many there are."""
    with shop.copy() as (_, run):
        now = int(run("SELECT now_at FROM clock;\n")[-1][0])
        script = THREE_TAGS.format(now=now, year=now - 365 * DAY, quiet=now // DAY * DAY - 179 * DAY, day=DAY)
        before = count(run)
        if shop.postgres:
            script = f"BEGIN;\n{script}COMMIT;\n"
        seconds = timed(lambda: run(script))
        return seconds, tuple(after - old for after, old in zip(count(run), before))


def flips(shop):
    """A kept book, its clock put on by LATER days: customers looked at, and seconds."""
    with shop.copy() as (home, run):
        home.run("drain")
        # Opening the book and finding nothing is no work of those days.
        idle = min(timed(lambda: home.run("drain")) for _ in range(3))
        home.without_clock()
        # What a week brings beside flips (runs over all buyers, which change everybody) isn't measured here.
        run(f"UPDATE clock SET now_at = now_at + {LATER * DAY};\nUPDATE run SET due_at = due_at + {10 * LATER * DAY} WHERE done_at IS NULL;\n")
        due = int(run("SELECT COUNT(*) FROM customer_due WHERE due_at <= (SELECT now_at FROM clock);\n")[-1][0])
        seconds = timed(lambda: home.run("drain")) - idle
        return due, max(seconds, 0.001)


def tick(shop, tries=50):
    """Seconds of what a keeper with nothing due asks, on one connection; the middle one."""
    sql = "SELECT MIN(due) FROM (SELECT MIN(due_at) AS due FROM customer_due WHERE failed IS NULL) q"
    with shop.copy() as (home, run):
        run("UPDATE customer_due SET due_at = due_at + 1000000000000000;\n")
        if shop.postgres:
            lines = shop.postgres.psql(f"keeping{shop.copies}", "\\timing on\n" + f"{sql};\n" * tries).splitlines()
            took = [float(line.split()[1]) / 1_000 for line in lines if line.startswith("Time:")]
        else:
            with contextlib.closing(sqlite3.connect(home.file)) as connection:
                took = [timed(lambda: connection.execute(sql).fetchall()) for _ in range(tries)]
        return sorted(took)[len(took) // 2]
