#!/usr/bin/env python3
"""The ledger of tags that the book should have written, worked out from the orders alone.

Every day's orders come in together at the UTC midnight that ends it. From then on the customer is judged by what has come
in: at that midnight, and at every instant at which something may change by itself until more comes in. It shares no
code and no approach with the product: at each instant all of a customer's orders are looked at again (oracle.py).

    ledger.py --until 2011-12-31T00:00:00 --every 8 --of 3 [--touched FILE] [--pairs FILE --merged AT --parted AT] > ledger.csv

writes customer_id,tag,from,to,since,as_of,cause of those customers whose number leaves that rest; --touched writes
day,customers: who has a fact or a change by itself in the day that ends then, the only ones to look at. --pairs names
into,from a line: from AT on the two are one, and all of both is of the first; at the later AT they are two again, each
with their own orders. Meanwhile the second is nobody and has nothing.
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


def stops_alone(rows, until):
    """[(instant, what has come in by then, why there is something to judge)] of somebody who is nobody else."""
    return stops_of([(rows, float("-inf"), float("inf"))], [], until)


def stops_of(parts, turning, until):
    """The same of whom these parts belong to, each over [from, to); turning: instants at which that changes."""
    arrivals = {midnight_after(row[0]): "event" for rows, start, end in parts for row in rows
                if start <= midnight_after(row[0]) < end}
    arrivals |= {at: "merge" for at in turning}
    known = lambda at: sorted(row for rows, start, end in parts if start <= at < end
                              for row in rows if midnight_after(row[0]) <= at)
    return [(at, known(at), arrivals[at]) for at in sorted(arrivals) if at <= until]


def stops_of_pair(into, other, merged, parted, until):
    """The stops of both."""
    ever = float("-inf"), float("inf")
    first = stops_of([(into, *ever), (other, merged, parted)], [merged, parted], until)
    second = stops_of([(other, ever[0], merged), (other, parted, ever[1])], [merged, parted], until)
    return first, second


def ledger(stops, until, touched):
    has, before = {}, None
    arrivals = {at for at, _, _ in stops}
    for number, (at, known, why) in enumerate(stops):
        end = stops[number + 1][0] if number + 1 < len(stops) else until + 1
        moments = turns(known)
        touched[at] += 1
        days = {at}
        for moment in [at] + [moment for moment in moments if at < moment < end and moment <= until]:
            # Who is somebody else has nothing, not even the lowest values.
            now_has = values(known, moment) if known else {}
            for tag in sorted(set(has) | set(now_has)):
                if has.get(tag) == now_has.get(tag):
                    continue
                passed = before is not None and values(before, at).get(tag) == now_has.get(tag)
                by_time = moment > at or (why == "event" and passed)
                since = since_when(tag, known, moments, moment) if known else at
                yield (tag, has.get(tag, ""), now_has.get(tag, ""), since, moment, "time" if by_time else why)
                days.add(midnight_after(moment))
            has = now_has
        days |= {midnight_after(moment) for moment in numbers_change(known) if at < moment < end and moment <= until}
        for day in days - {at}:
            if day not in arrivals:
                touched[day] += 1
        before = known


def ledgers(book, options, until, touched):
    """(customer, their ledger) of everybody."""
    pairs, taken = {}, set()
    if options.pairs:
        with open(options.pairs, encoding="utf-8") as file:
            pairs = dict(line.strip().split(",") for line in file)
        taken = set(pairs.values())
        merged, parted = instant(options.merged), instant(options.parted)
    for customer, rows in sorted(book.items()):
        if int(customer) % options.every != options.of or customer in taken:
            continue
        if customer not in pairs:
            yield customer, ledger(stops_alone(rows, until), until, touched)
            continue
        other = pairs[customer]
        first, second = stops_of_pair(rows, book[other], merged, parted, until)
        yield customer, ledger(first, until, touched)
        yield other, ledger(second, until, touched)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--until", required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--of", type=int, default=0)
    parser.add_argument("--touched")
    parser.add_argument("--pairs")
    parser.add_argument("--merged")
    parser.add_argument("--parted")
    options = parser.parse_args()
    until, touched = instant(options.until), defaultdict(int)
    out = csv.writer(sys.stdout, lineterminator="\n")
    for customer, entries in ledgers(read_orders(), options, until, touched):
        for tag, was, now, since, as_of, cause in entries:
            out.writerow([customer, tag, was, now, since, as_of, cause])
    if options.touched:
        with open(options.touched, "w", encoding="utf-8") as file:
            file.writelines(f"{day},{count}\n" for day, count in sorted(touched.items()))


if __name__ == "__main__":
    main()
