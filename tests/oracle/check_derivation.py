#!/usr/bin/env python3
"""Checks the shipped orders against the raw invoice lines of UCI Online Retail, derived a second way.

    check_derivation.py PART1.csv.gz PART2.csv.gz [--write demo/retail/orders.csv.gz]

The raw files are not shipped (7.5 MB); they are the data set `onlineretail` of CRAN, cut in two. The
derivation: lines with a customer, grouped by (InvoiceNo, CustomerID); an order's instant is its first
line's, its total the sum of Quantity * UnitPrice over its lines in decimal arithmetic, rounded half-up to pence once;
an invoice number starting with C is a refund. Exit 1 if an order differs or a known sum isn't met.
With --write the shipped file is made anew from the raw lines, byte for byte the same each time.
"""
import argparse
import csv
import gzip
import io
import pathlib
import sqlite3
import sys
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal

SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "demo" / "retail" / "orders.csv.gz"
KNOWN = {"customers": 4_372, "buyers": 4_339, "purchases": 18_536, "refunds": 3_654, "net_pence": 830_006_581,
         "before December": 21_269, "December": 921}


def lines(paths):
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def derive(paths):
    """First way: loops and decimals. order_id -> (customer, instant, signed pence)."""
    sums = {}
    for row in lines(paths):
        if not row["CustomerID"]:
            continue
        key = (row["InvoiceNo"], row["CustomerID"])
        value = int(row["Quantity"]) * Decimal(row["UnitPrice"])
        at, total = sums.get(key, (row["InvoiceDate"], Decimal(0)))
        sums[key] = (min(at, row["InvoiceDate"]), total + value)
    orders = {}
    for (order, customer), (at, total) in sums.items():
        assert order not in orders, f"invoice {order} has two customers"
        sign = -1 if total < 0 else 1
        pence = sign * int((abs(total) * 100).quantize(Decimal(1), ROUND_HALF_UP))
        orders[order] = (customer, at, pence)
    return orders


def derive_by_sql(paths):
    """Second way: SQLite over whole thousandths of a penny."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE line (invoice TEXT, at TEXT, customer TEXT, quantity INTEGER, price INTEGER)")
    db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", (
        (row["InvoiceNo"], row["InvoiceDate"], row["CustomerID"], int(row["Quantity"]),
         int((Decimal(row["UnitPrice"]) * 100_000).to_integral_exact())) for row in lines(paths)))
    found = db.execute("""
        SELECT invoice, customer, min(at),
               CASE WHEN sum(quantity * price) < 0 THEN -((-sum(quantity * price) + 500) / 1000)
                    ELSE (sum(quantity * price) + 500) / 1000 END
        FROM line WHERE customer <> '' GROUP BY invoice, customer""")
    return {order: (customer, at, pence) for order, customer, at, pence in found}


def shipped(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    orders = {}
    for row in rows:
        pence = int(Decimal(row["total"]) * 100)
        assert (row["kind"] == "refund") == row["order_id"].startswith("C"), row
        assert row["currency"] == "GBP" and pence >= 0, row
        orders[row["order_id"]] = (row["customer_id"], row["paid_at"].replace("T", " "),
                                   -pence if row["kind"] == "refund" else pence)
    assert len(orders) == len(rows), "an order id stands twice"
    assert [r["paid_at"] for r in rows] == sorted(r["paid_at"] for r in rows), "not in order of time"
    return orders


def sums(orders):
    kinds = Counter("refunds" if order.startswith("C") else "purchases" for order in orders)
    december = sum(at >= "2011-12-01" for _, at, _ in orders.values())
    return {"customers": len({customer for customer, _, _ in orders.values()}),
            "buyers": len({customer for order, (customer, _, _) in orders.items() if not order.startswith("C")}),
            **kinds, "net_pence": sum(pence for _, _, pence in orders.values()),
            "before December": len(orders) - december, "December": december}


def write(orders, path):
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["order_id", "customer_id", "paid_at", "total", "currency", "kind"])
    for order, (customer, at, pence) in sorted(orders.items(), key=lambda item: (item[1][1], item[0])):
        out.writerow([order, customer, at.replace(" ", "T"), f"{abs(pence) // 100}.{abs(pence) % 100:02}", "GBP",
                      "refund" if order.startswith("C") else "purchase"])
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(text.getvalue().encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", nargs="+", help="the raw invoice lines, gzipped CSV")
    parser.add_argument("--shipped", default=SHIPPED)
    parser.add_argument("--write", help="write the derived orders here first")
    options = parser.parse_args()
    derived = derive(options.raw)
    if options.write:
        write(derived, options.write)
    wrong = []
    for name, other in (("derived by SQL", derive_by_sql(options.raw)), ("shipped", shipped(options.shipped))):
        for order in sorted(set(derived) | set(other)):
            if derived.get(order) != other.get(order):
                wrong.append(f"{order}: derived {derived.get(order)}, {name} {other.get(order)}")
    found = sums(derived)
    wrong += [f"{key}: {found.get(key)}, should be {value}" for key, value in KNOWN.items() if found.get(key) != value]
    print(found)
    print("\n".join(wrong[:20]) or "the shipped orders are the raw invoices, order by order")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
