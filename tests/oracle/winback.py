#!/usr/bin/env python3
"""What the December win-back of the retail demo should come to, worked out from the files alone.

    winback.py                     the expectation as JSON
    winback.py --list              one line an entrant: what becomes of either mail
    winback.py --rows rows.csv     against the product's rows (winback.sql), exit 1 with the differences

No product code; orders by way of oracle.py, people and tickets read here. The reading:

- An entrant's first mail (D0) is due at the entry's `since`, a local midnight, the second (D7) 7 * 86,400 s later.
- Nothing moves before the contact window opens: 10:00 in the shop's zone, since the contacts have no zone
  (domain.md §7; --opens 09:00 for a shop with `single_zone: true`).
- Exits: an order after the entry, a marketing opt-out, an open complaint (also one open at the entry). Refusals
  in the gate's order: budget once it is used up, then consent, suppression, complaint. Someone refused for consent goes on waiting for D7,
  which is refused again; someone who exited doesn't.
- Christmas (12-25, 10:00, priority 70) takes that day from a D0 or D7 (priority 50), which moves to 10:00 next day.
- Caps never refuse here: D0 and D7 are 7 d apart and (now - 7 d, now] holds only one of them, so with Christmas
  it's two at most; all hand-overs are 10:00 on different days, so 24 h apart. The calls are about other people.
- A code costs its face until redeemed or expired; none is before the month ends. So the budget pays for budget / face
  mails, in order of hand-over; the rest is skipped for want of budget. Within the day on which it runs out it isn't
  said who gets the last codes: that day's people are `sent or budget`.
"""
import argparse
import csv
import gzip
import json
import sys
from collections import Counter, defaultdict

import oracle

HERE = oracle.ORDERS.parent
START, END = oracle.instant("2011-12-01T00:00:00"), oracle.instant("2011-12-31T23:59:59")
CHRISTMAS = "2011-12-25"
BUDGET, FACE = 400_000, 5_000


def table(name):
    path = HERE / name
    opener = gzip.open if name.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class People:
    """Consent, suppression and complaints by customer, from the shipped files."""

    def __init__(self):
        rows = table("customers.csv.gz")
        barred = {row["email"] for row in table("suppressions.csv")}
        self.everybody = [row["customer_id"] for row in rows]
        self.consenting = {row["customer_id"] for row in rows if row["consent_email_marketing"] == "granted"}
        self.suppressed = {row["customer_id"] for row in rows if row["email"] in barred}
        addresses = Counter(row["email"] for row in rows)
        self.shared = {row["customer_id"] for row in rows if addresses[row["email"]] > 1}
        self.complaints = defaultdict(list)
        for row in table("tickets.csv.gz"):
            if row["complaint"] == "true":
                closed = oracle.instant(row["resolved_at"]) if row["resolved_at"] else None
                self.complaints[row["customer_id"]].append((oracle.instant(row["opened_at"]), closed))

    def complaining(self, customer, at):
        return any(opened <= at and (closed is None or at < closed) for opened, closed in self.complaints[customer])

    def refusal(self, customer, at):
        """The first of the gate's refusals that files can tell, or None."""
        if customer not in self.consenting:
            return "consent"
        if customer in self.suppressed:
            return "suppression"
        return "complaint" if self.complaining(customer, at) else None


def window(at, opens):
    """First instant from `at` on inside the contact window; Christmas Day belongs to the greeting."""
    date = oracle.local(at).date()
    while True:
        opening = oracle.instant(f"{date.isoformat()}T{opens}:00")
        if date.isoformat() != CHRISTMAS:
            return max(at, opening)
        date += oracle.timedelta(days=1)


def exit_of(customer, since, until, book, people):
    """(instant, reason) of the first exit in [since, until], or None."""
    exits = [(at, "order") for at, _, purchase, _ in book[customer] if purchase and since <= at <= until]
    exits += [(max(opened, since), "complaint") for opened, closed in people.complaints[customer]
              if opened <= until and (closed is None or closed > since)]
    return min(exits, default=None)


def step(customer, due, left, opens, people):
    """What becomes of one mail due at `due`, before the budget is asked: (outcome, hand-over instant or None)."""
    hand_over = window(due, opens)
    if left and left[0] <= hand_over:
        return f"exited: {left[1]}", None
    if hand_over > END:
        return "waiting", None
    refusal = people.refusal(customer, hand_over)
    return (f"skipped: {refusal}", None) if refusal else ("sent", hand_over)


def expectation(opens):
    """One dict an entrant, in order of entry."""
    book, people = oracle.read_orders(), People()
    assert not people.shared, "two customers share an address: one occasion reaches it once, which isn't modelled here"
    rows = []
    for since, customer, order in oracle.entrants(book, START, END):
        left = exit_of(customer, since, END, book, people)
        d0, d0_at = step(customer, since, left, opens, people)
        d7, d7_at = step(customer, since + 7 * oracle.DAY, left, opens, people)
        rows.append({"customer_id": customer, "since": since, "last_order_id": order,
                     "d0": d0, "d0_at": d0_at, "d7": d7, "d7_at": d7_at})
    codes = BUDGET // FACE
    used_up = None
    by_day = defaultdict(list)
    for row in rows:
        if row["d7"] == "sent":
            by_day[row["d7_at"]].append(row)
    for at in sorted(by_day):
        if codes >= len(by_day[at]):
            codes -= len(by_day[at])
        else:
            for row in by_day[at]:
                row["d7"] = "sent or budget" if codes else "skipped: budget"
                row["last_codes"] = codes
            codes = 0
        if codes == 0 and used_up is None:
            used_up = at
    # The budget stands before consent in the gate: once it is used up, it is what a later D7 is refused for first.
    for row in rows:
        if row["d7"] in ("skipped: consent", "skipped: suppression") and used_up and row["since"] + 7 * oracle.DAY > used_up:
            row["d7"] = "skipped: budget"
    return rows, people, book


def totals(rows, people, book):
    d7 = Counter(row["d7"] for row in rows)
    contested = d7.pop("sent or budget", 0)
    last = max((row.get("last_codes", 0) for row in rows), default=0)
    d7["sent"] += last
    d7["skipped: budget"] += contested - last
    christmas = oracle.instant(f"{CHRISTMAS}T10:00:00")
    known = [customer for customer in people.everybody if book[customer][0][0] <= christmas]
    greeted = Counter(people.refusal(customer, christmas) or "sent" for customer in known)
    return {
        "enrollments": len(rows), "customers": len({row["customer_id"] for row in rows}),
        "occasion_keys": len({(row["customer_id"], row["last_order_id"]) for row in rows}),
        "d0": dict(sorted(Counter(row["d0"] for row in rows).items())),
        "d7": dict(sorted(d7.items())),
        "d7_due_after_month_end": sum(row["since"] + 7 * oracle.DAY > END for row in rows),
        "mails": sum(row["d0"] == "sent" for row in rows) + d7["sent"],
        "coupons": {"face": FACE, "budget": BUDGET, "codes_payable": BUDGET // FACE,
                    "wanted": sum(row["d7"] in ("sent", "sent or budget", "skipped: budget") for row in rows),
                    "issued": d7["sent"], "outstanding": d7["sent"] * FACE},
        "d0_by_day": by_date(row["d0_at"] for row in rows),
        "d7_wanted_by_day": by_date(row["d7_at"] for row in rows),
        "christmas": {"known_customers": len(known), **dict(sorted(greeted.items()))},
    }


def by_date(instants):
    return dict(sorted(Counter(oracle.local(at).date().isoformat() for at in instants if at is not None).items()))


def same(expected, expected_at, row):
    """Whether a product row (None: no row) is what was expected of this mail."""
    state, reason = (row["state"], row["reason"] or "") if row else ("", "")
    handed = state in ("sent", "delivered", "bounced", "unknown")
    if expected == "sent or budget":
        return handed or (state == "skipped" and "budget" in reason)
    if expected == "sent":
        return handed and int(row["handed_at"]) == expected_at * 1_000_000
    if expected == "waiting":
        return not row or state in ("planned", "deferred", "queued")
    kind, cause = expected.split(": ")
    if kind == "exited":
        return not row or (state in ("skipped", "expired") and reason != "")
    return state == "skipped" and cause[:7] in reason


def compare(rows, path):
    """Differences of the product's rows from the expectation."""
    theirs = defaultdict(list)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            theirs[row["customer_id"]].append(row)
    steps = sorted({int(row["step"]) for mine in theirs.values() for row in mine if row["step"]})
    differences = [] if len(steps) <= 2 else [f"there are mails of {len(steps)} steps: {steps}"]
    differences += [f"customer {customer}: enrolled, but doesn't enter"
                    for customer in sorted(set(theirs) - {row["customer_id"] for row in rows})]
    for row in rows:
        customer, mine = row["customer_id"], theirs.get(row["customer_id"])
        if not mine:
            differences.append(f"customer {customer}: not enrolled, should enter at {oracle.stamp(row['since'])}")
            continue
        if len({(one["cause_at"], one["occasion_key"]) for one in mine}) != 1:
            differences.append(f"customer {customer}: more than one enrollment")
        if int(mine[0]["cause_at"]) != row["since"] * 1_000_000:
            differences.append(f"customer {customer}: entered by a cause at {mine[0]['cause_at']}, should be {row['since']} s")
        if not mine[0]["occasion_key"].endswith(f":{row['last_order_id']}"):
            differences.append(f"customer {customer}: occasion {mine[0]['occasion_key']}, should end :{row['last_order_id']}")
        if row["d0"].startswith("exited") and (mine[0]["enrollment_state"] != "exited" or not mine[0]["enrollment_reason"]):
            differences.append(f"customer {customer}: enrollment {mine[0]['enrollment_state']}, should be exited with a reason")
        for name, number in zip(("d0", "d7"), steps):
            found = [one for one in mine if one["step"] == str(number)]
            if len(found) > 1:
                differences.append(f"customer {customer}: {len(found)} touchpoints of {name}")
            elif not same(row[name], row[f"{name}_at"], found[0] if found else None):
                got = "{state}({reason}) at {handed_at}".format(**found[0]) if found else "no touchpoint"
                differences.append(f"customer {customer}: {name} is {got}, should be {row[name]} at {row[f'{name}_at']} s")
    with_code = sum(row["coupon_id"] != "" and row["state"] in ("sent", "delivered", "bounced", "unknown")
                    for mine in theirs.values() for row in mine)
    payable = sum(row["d7"] in ("sent", "sent or budget") for row in rows)
    if with_code != min(BUDGET // FACE, payable):
        differences.append(f"{with_code} mails carry a code, should be {min(BUDGET // FACE, payable)}")
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--opens", default="10:00", help="local time at which the contact window opens")
    parser.add_argument("--list", action="store_true", help="one CSV line an entrant")
    parser.add_argument("--rows", help="CSV made by winback.sql, compared with the expectation")
    options = parser.parse_args()
    rows, people, book = expectation(options.opens)
    if options.list:
        print("customer_id,since,last_order_id,d0,d0_at,d7,d7_at")
        for row in rows:
            times = [oracle.stamp(row[key]) if row[key] else "" for key in ("d0_at", "d7_at")]
            print(f"{row['customer_id']},{oracle.stamp(row['since'])},{row['last_order_id']},"
                  f"{row['d0']},{times[0]},{row['d7']},{times[1]}")
        return 0
    if options.rows:
        differences = compare(rows, options.rows)
        print("\n".join(differences[:20]) or f"{len(rows)} entrants, each as expected")
        return 1 if differences else 0
    print(json.dumps(totals(rows, people, book), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
