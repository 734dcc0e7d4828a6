#!/usr/bin/env python3
"""The ledger of tags that the book should have written, worked out from the orders alone.

Every day's orders come in together at the UTC midnight that ends it. From then on the customer is judged by what has come
in: at that midnight, and at every instant at which something may change by itself until more comes in. It shares no
code and no approach with the product: at each instant all of a customer's orders are looked at again (oracle.py).

    ledger.py --until 2011-12-31T00:00:00 --every 8 --of 3 [--touched FILE] > ledger.csv

writes customer_id,tag,from,to,since,as_of,cause of those customers whose number leaves that rest; --touched writes
day,customers: who has a fact or a change by itself in the day that ends then, the only ones to look at.
"""
import argparse
import csv
import sys
from collections import defaultdict
from datetime import timedelta

from oracle import (CANDIDATE, DAY, HOLD, WINDOW, churn_since, first_of_date, instant, local, read_orders, stretches,
                    tag_tier, tags)

MANY, MONTH = 20, 30 * DAY


def midnight_after(at):
    return -(-int(at) // DAY) * DAY


def values(rows, now):
    """Every tag at now, by the rows that have happened, as the ledger writes them."""
    rows = [row for row in rows if row[0] <= now]
    found = {tag: "true" if value is True else value for tag, value in tags(rows, now).items()}
    found |= {"value_tier": tag_tier(rows, now), "complaint_history": "none"}
    if churn_since(rows, now) is not None:
        found["churn_risk"] = "true"
    return found


def turns(rows):
    """Every instant at which a tag may change by what these rows say."""
    moments = {at for at, *_ in rows} | {at + WINDOW for at, *_ in rows}
    for threshold in (1, 200_000, 500_000, CANDIDATE, 1_000_000):
        ends = [end for _, end in stretches(rows, threshold, float("inf")) if end is not None]
        moments |= {end + HOLD for end in ends}
    for at, _, purchase, _ in rows:
        if purchase:
            for days in (31, 180, 365):
                moments.add(first_of_date(local(at).date() + timedelta(days=days)))
    return sorted(moments)


def numbers_change(rows):
    """Instants at which a number of the profile changes by itself: what leaves a window, and the many of 30 d."""
    found = {at + WINDOW for at, *_ in rows}
    bought = [at for at, _, purchase, _ in rows if purchase]
    many = lambda now: sum(1 for at in bought if now - MONTH < at <= now)
    shown = lambda now: many(now) if many(now) >= MANY else None
    return found | {at + MONTH for at in bought if shown(at + MONTH) != shown(at + MONTH - 1)}


def since_when(tag, rows, moments, now):
    """When the value at now began: what never changed began with the first fact."""
    is_now = values(rows, now).get(tag)
    since = rows[0][0]
    for moment in moments:
        if moment > now:
            break
        before = values(rows, moment - 0.000001).get(tag) if moment > rows[0][0] else None
        at = values(rows, moment).get(tag)
        if at == is_now and (before != at) and moment > rows[0][0]:
            since = moment
        elif moment == rows[0][0]:
            since = moment
    return since


def ledger(rows, until, touched):
    arrivals = defaultdict(list)
    for row in rows:
        arrivals[midnight_after(row[0])].append(row)
    received = sorted(at for at in arrivals if at <= until)
    known, has, before = [], {}, None
    for number, at in enumerate(received):
        known = sorted(known + arrivals[at])
        end = received[number + 1] if number + 1 < len(received) else until + 1
        moments = turns(known)
        touched[at] += 1
        days = {at}
        for moment in [at] + [moment for moment in moments if at < moment < end and moment <= until]:
            now_has = values(known, moment)
            for tag in sorted(set(has) | set(now_has)):
                if has.get(tag) == now_has.get(tag):
                    continue
                by_time = moment > at or (before is not None and values(before, at).get(tag) == now_has.get(tag))
                yield (tag, has.get(tag, ""), now_has.get(tag, ""), since_when(tag, known, moments, moment), moment,
                       "time" if by_time else "event")
                days.add(midnight_after(moment))
            has = now_has
        days |= {midnight_after(moment) for moment in numbers_change(known) if at < moment < end and moment <= until}
        for day in days - {at}:
            if day not in arrivals:
                touched[day] += 1
        before = known


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--until", required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--of", type=int, default=0)
    parser.add_argument("--touched")
    options = parser.parse_args()
    until, touched = instant(options.until), defaultdict(int)
    out = csv.writer(sys.stdout, lineterminator="\n")
    for customer, rows in sorted(read_orders().items()):
        if int(customer) % options.every == options.of:
            for tag, was, now, since, as_of, cause in ledger(rows, until, touched):
                out.writerow([customer, tag, was, now, since, as_of, cause])
    if options.touched:
        with open(options.touched, "w", encoding="utf-8") as file:
            file.writelines(f"{day},{count}\n" for day, count in sorted(touched.items()))


if __name__ == "__main__":
    main()
