#!/usr/bin/env python3
"""The independent oracle: what the book should say at an instant, computed from the orders alone.

Plain loops over one CSV file with Python's standard library. It shares no code and no approach with
the product: there is no fold, no due time, no incremental step. For every question it looks at all of
a customer's orders again. Nothing of the product may ever be imported or called here.

    oracle.py --at 2011-12-09T23:59:59                        counts by tier, churn, two known customers
    oracle.py --at 2011-12-09T23:59:59 --golden               the same, exit 1 unless they are the known numbers
    oracle.py --at … --out truth.csv                          one row a customer
    oracle.py --at … --compare profiles.ndjson                against `kinkeeper export profiles`, exit 1 if any differ
    oracle.py --entrants 2011-12-01T00:00:00 2011-12-31T23:59:59   whose churn_risk begins in [from, to]

Instants without offset are in the shop's zone, Europe/London. Rules (domain.md §2 to §4):
  spend_365   sum of the signed totals in (now - 365 * 86,400 s, now]; a refund of no known order lowers
              it at its own instant
  tier        spend_365 > 0, >= 2,000, >= 5,000, >= 10,000
  hold        an unbroken stretch [s, e) of "this tier or higher" with e - s >= 15 d keeps the tag in [e, e + 30 d)
  churn_risk  at least one order, none for 180 local calendar days; it begins with the first instant of
              the date of the last order + 180; refunds are no activity
  others      vip is diamond; vip_candidate spend_365 >= 8,000, held like a tier, and no VIP; lapsed none for 365 days;
              new_customer the first order at most 30 days ago; returning orders on two local dates or more; active_hour
              the local hour of most of five orders or more, the earliest of several
  complaints  (tickets.csv.gz) complaint_open one not resolved; complaint_history by those opened in 365 d; complaint_recent
              one resolved within 30 d
"""
import argparse
import csv
import gzip
import json
import pathlib
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/London")
DAY = 86_400
WINDOW = 365 * DAY
SETTLE = 15 * DAY
HOLD = 30 * DAY
CHURN_DAYS = 180
# From the top; thresholds in minor units.
TIERS = [("diamond", 1_000_000), ("gold", 500_000), ("silver", 200_000), ("regular", 1)]
TIER_NAMES = [name for name, _ in TIERS] + ["none"]
ORDERS = pathlib.Path(__file__).resolve().parents[2] / "demo" / "retail" / "orders.csv.gz"

GOLDEN = {
    "2011-12-09T23:59:59": {"condition": [92, 161, 591, 3399, 129], "tag": [94, 163, 611, 3451, 53],
                            "churn_risk": 861, "12346": "none", "16446": "regular"},
    "2011-12-10T00:00:00": {"churn_risk": 869},
    "2011-12-31T23:59:59": {"condition": [87, 149, 582, 3380, 174], "tag": [92, 158, 610, 3441, 71],
                            "churn_risk": 989},
    # Before the first December order 847 are at risk; the four of them who order on 12-01 leave 843 at its end.
    "2011-12-01T00:00:00": {"churn_risk": 847},
    "2011-12-01T23:59:59": {"churn_risk": 843},
}


def instant(text):
    """Seconds since 1970 (UTC) of an ISO date-time; local to the shop if it has no offset."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZONE)
    seconds = at.timestamp()
    return int(seconds) if seconds == int(seconds) else seconds


def local(seconds):
    return datetime.fromtimestamp(seconds, ZONE)


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def first_of_date(date):
    """First instant of a local date: the earliest UTC minute whose local date it is."""
    probe = int(datetime(date.year, date.month, date.day, tzinfo=timezone.utc).timestamp()) - 14 * 3600
    while local(probe).date() < date:
        probe += 900
    return probe


def minor(text):
    value = Decimal(text) * 100
    assert value == value.to_integral_value(), f"{text} has more than two decimals"
    return int(value)


def read_orders(path=ORDERS):
    """customer_id -> list of (instant, signed minor units, is_purchase, order_id), oldest first."""
    book = defaultdict(list)
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            amount = abs(minor(row["total"]))
            purchase = row.get("kind", "purchase") != "refund"
            book[row["customer_id"]].append(
                (instant(row["paid_at"]), amount if purchase else -amount, purchase, row["order_id"]))
    for rows in book.values():
        rows.sort()
    return dict(book)


def spend_365(rows, now):
    return sum(amount for at, amount, _, _ in rows if now - WINDOW < at <= now)


def tier_of(spend):
    for name, threshold in TIERS:
        if spend >= threshold:
            return name
    return "none"


def stretches(rows, threshold, now):
    """The unbroken stretches [start, end) of spend_365 >= threshold up to now; end None while it lasts."""
    moments = sorted({at for at, *_ in rows} | {at + WINDOW for at, *_ in rows})
    found, start = [], None
    for moment in moments:
        if moment > now:
            break
        on = spend_365(rows, moment) >= threshold
        if on and start is None:
            start = moment
        elif not on and start is not None:
            found.append((start, moment))
            start = None
    if start is not None:
        found.append((start, None))
    return found


def tag_tier(rows, now):
    """The tier with hold: the highest level that is on or held at now."""
    for name, threshold in TIERS:
        for start, end in stretches(rows, threshold, now):
            if end is None or (end - start >= SETTLE and now < end + HOLD):
                return name
    return "none"


def churn_since(rows, now):
    """Instant at which churn_risk began, or None while it is off at now."""
    bought = [at for at, _, purchase, _ in rows if purchase and at <= now]
    if not bought:
        return None
    since = first_of_date(local(max(bought)).date() + timedelta(days=CHURN_DAYS))
    return since if now >= since else None


CANDIDATE = 800_000


def tags(rows, now):
    """Every other tag that orders decide, at now; what somebody hasn't got is left out."""
    rows = [row for row in rows if row[0] <= now]
    bought = [at for at, _, purchase, _ in rows if purchase]
    found = {}
    if tag_tier(rows, now) == "diamond":
        found["vip"] = True
    elif any(end is None or (end - start >= SETTLE and now < end + HOLD)
             for start, end in stretches(rows, CANDIDATE, now)):
        found["vip_candidate"] = True
    if bought:
        first, last = local(bought[0]).date(), local(bought[-1]).date()
        if now >= first_of_date(last + timedelta(days=365)):
            found["lapsed"] = True
        if now < first_of_date(first + timedelta(days=31)):
            found["new_customer"] = True
        if len({local(at).date() for at in bought}) >= 2:
            found["returning"] = True
        if len(bought) >= 5:
            hours = [local(at).hour for at in bought]
            found["active_hour"] = str(min(hours, key=lambda hour: (-hours.count(hour), hour)))
    return found


def read_complaints(path=ORDERS.with_name("tickets.csv.gz")):
    """customer_id -> list of (opened, resolved or None)."""
    book = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["complaint"] == "true":
                resolved = instant(row["resolved_at"]) if row["resolved_at"] else None
                book[row["customer_id"]].append((instant(row["opened_at"]), resolved))
    return dict(book)


def complaint_tags(complaints, now):
    known = [(opened, resolved) for opened, resolved in complaints if opened <= now]
    closed = [resolved for _, resolved in known if resolved is not None and resolved <= now]
    year = sum(1 for opened, _ in known if now - WINDOW < opened)
    found = {"complaint_history": ["none", "one", "several", "frequent"][min(year, 3)]}
    if len(closed) < len(known):
        found["complaint_open"] = True
    if any(now - 30 * DAY < resolved for resolved in closed):
        found["complaint_recent"] = True
    return found


def truth(rows, now):
    """Everything about one customer at now. Orders after now are not looked at."""
    known = [row for row in rows if row[0] <= now]
    bought = [row for row in known if row[2]]
    spend = spend_365(known, now)
    return {
        "tier_condition": tier_of(spend),
        "tier_tag": tag_tier(known, now),
        "churn_since": churn_since(known, now),
        "spend_365": spend,
        "orders": len(bought),
        "orders_365": sum(1 for at, *_ in bought if now - WINDOW < at),
        "order_days": len({local(at).date() for at, *_ in bought}),
        "last_order_at": bought[-1][0] if bought else None,
        "tags": tags(known, now),
    }


def whole_book(book, now):
    return {customer: truth(rows, now) for customer, rows in sorted(book.items()) if rows[0][0] <= now}


def entrants(book, start, end):
    """[(since, customer, last order id)] of everybody whose churn_risk begins in [start, end].

    Somebody enters when 180 days pass after an order with no other order before then. A later order
    (even later in the span) doesn't undo the entry.
    """
    found = []
    for customer, rows in book.items():
        # At one instant the greater id is the later one.
        bought = sorted((at, order) for at, _, purchase, order in rows if purchase)
        for number, (at, order) in enumerate(bought):
            following = bought[number + 1][0] if number + 1 < len(bought) else None
            since = first_of_date(local(at).date() + timedelta(days=CHURN_DAYS))
            if start <= since <= end and (following is None or following >= since):
                found.append((since, customer, order))
    return sorted(found)


def summary(result):
    condition = Counter(row["tier_condition"] for row in result.values())
    tag = Counter(row["tier_tag"] for row in result.values())
    return {"customers": len(result),
            "condition": [condition[name] for name in TIER_NAMES],
            "tag": [tag[name] for name in TIER_NAMES],
            "churn_risk": sum(row["churn_since"] is not None for row in result.values()),
            **{known: result[known]["tier_tag"] for known in ("12346", "16446") if known in result}}


def write_truth(result, path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["customer_id", "tier_condition", "tier_tag", "churn_risk", "churn_since", "spend_365",
                      "orders", "orders_365", "order_days", "last_order_at"])
        for customer, row in result.items():
            since, last = row["churn_since"], row["last_order_at"]
            out.writerow([customer, row["tier_condition"], row["tier_tag"],
                          "false" if since is None else "true", "" if since is None else stamp(since),
                          f"{Decimal(row['spend_365']) / 100:.2f}", row["orders"], row["orders_365"],
                          row["order_days"], "" if last is None else stamp(last)])


def money(value):
    """Minor units of {"amount": "12.30", "currency": …}; a plain decimal string is taken too."""
    return minor(str(value["amount"] if isinstance(value, dict) else value))


TAGS = ["vip", "vip_candidate", "lapsed", "new_customer", "returning", "active_hour",
        "complaint_open", "complaint_history", "complaint_recent"]
# Nothing in this book says what these are about.
SILENT = ["category_affinity", "style_affinity", "discount_seeker", "birthday_soon", "comm_style", "won_back",
          "churn_early", "clv_band", "promoter"]


def compare(result, path, now, tickets):
    """The differences between the product's profile lines and the truth, as sentences."""
    seen, differences, complaints = set(), [], read_complaints() if tickets else {}

    def differs(customer, what, product, expected):
        if product != expected:
            differences.append(f"customer {customer}: {what} is {product!r}, should be {expected!r}")

    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = json.loads(line)
            customer = row.get("customer_id")
            if customer is None:
                differences.append(f"line {number}: customer_id is null")
                continue
            if customer in seen:
                differences.append(f"customer {customer}: more than one line")
                continue
            seen.add(customer)
            if customer not in result:
                # Known by name, but without a fact yet: nothing may be said of them.
                blank = truth([], 0)
            else:
                blank = result[customer]
            tags = row.get("tags", {})
            wanted = {**blank["tags"], **complaint_tags(complaints.get(customer, []), now)}
            # Of whom there is no fact nothing is said, not even that they never complained.
            if customer in result or customer in complaints:
                for tag in TAGS:
                    differs(customer, tag, tags.get(tag), wanted.get(tag))
            for tag in SILENT:
                differs(customer, tag, tags.get(tag), None)
            differs(customer, "value_tier", tags.get("value_tier") or "none", blank["tier_tag"])
            differs(customer, "churn_risk", bool(tags.get("churn_risk")), blank["churn_since"] is not None)
            differs(customer, "spend_365 (minor units)", money(row["spend_365"]), blank["spend_365"])
            for key in ("orders_365", "order_days"):
                if key in row:
                    differs(customer, key, row[key], blank[key])
            if "last_order_at" in row:
                differs(customer, "last_order_at",
                        instant(row["last_order_at"]) if row["last_order_at"] else None, blank["last_order_at"])
    differences += [f"customer {customer}: no line" for customer in result if customer not in seen]
    return len(seen), differences


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", default=ORDERS, help="generic orders CSV, gzipped or not")
    parser.add_argument("--at", help="the instant, inclusive")
    parser.add_argument("--golden", action="store_true", help="exit 1 unless the counts are the known ones")
    parser.add_argument("--out", help="write one row a customer to this CSV")
    parser.add_argument("--compare", help="NDJSON of `kinkeeper export profiles`")
    parser.add_argument("--orders-only", action="store_true", help="the book was told nothing of tickets")
    parser.add_argument("--entrants", nargs=2, metavar=("FROM", "TO"), help="list since,customer_id,last_order_id")
    return parser.parse_args()


def main():
    options = arguments()
    book = read_orders(options.orders)
    if options.entrants:
        rows = entrants(book, *map(instant, options.entrants))
        print("since,customer_id,last_order_id")
        for since, customer, order in rows:
            print(f"{stamp(since)},{customer},{order}")
        print(f"{len(rows)} customers enter", file=sys.stderr)
    if not options.at:
        return 0
    result = whole_book(book, instant(options.at))
    counts = summary(result)
    print(json.dumps({"at": options.at, "tiers": TIER_NAMES, **counts}), file=sys.stderr)
    if options.out:
        write_truth(result, options.out)
    wrong = []
    if options.golden:
        if options.at not in GOLDEN:
            sys.exit(f"no known numbers for {options.at}; known are {', '.join(sorted(GOLDEN))}")
        wrong += [f"{key} is {counts[key]}, should be {expected}"
                  for key, expected in GOLDEN[options.at].items() if counts[key] != expected]
    if options.compare:
        compared, differences = compare(result, options.compare, instant(options.at), not options.orders_only)
        print(f"{compared} customers compared, {len(differences)} differences", file=sys.stderr)
        wrong += differences
    for line in wrong[:20]:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
