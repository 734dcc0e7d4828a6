#!/usr/bin/env python3
"""Writes the synthetic companions of the retail demo: people, consents, suppressions and tickets.

    python3 demo/retail/generate.py [--check]

Everything here is made up and marked so; only orders.csv.gz is real (see README.md). The customer numbers
and order numbers are those of the real orders, the names, addresses and phone numbers belong to nobody:
example.com/.net/.org, and Ofcom's numbers reserved for drama. The result depends on SEED and on
orders.csv.gz only; the same bytes come out on every machine. --check compares with the files that lie here
and exits 1 if they differ.

Choices are made by ranking the SHA-256 of (SEED, purpose, id): no random generator whose algorithm could
change. Who is a VIP in December and whose churn_risk begins then is asked of tests/oracle/oracle.py.
"""
import csv
import gzip
import hashlib
import io
import pathlib
import sys
from datetime import datetime, timedelta

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "oracle"))
import oracle  # noqa: E402

SEED = "kinkeeper-retail-2011-12"
GO_LIVE = oracle.instant("2011-12-01T00:00:00")
MONTH_END = oracle.instant("2011-12-31T23:59:59")
CONSENT_SHARE, SUPPRESSED_SHARE, COMPLAINT_SHARE = 70, 1, 2
COMPLAINING_ENTRANTS = 5
SUPPRESSED_ENTRANTS = 2
FRIDAYS = ["2011-12-02", "2011-12-09", "2011-12-16"]
# A Friday's burst: 40 resolved, 30 of them important, 8 of those of VIPs.
BURST, IMPORTANT, VIPS = 40, 30, 8

FIRST = """Ada Agnes Albert Alice Amir Anna Arthur Beatrix Ben Carl Clara Daisy Daniel Dora Edith Edwin Ella Emil Erin
Esther Farah Felix Flora Frank Freya George Grace Hana Harold Helen Henry Ida Imran Iris Jack Jane Jonas Julia Karim
Kate Lena Leo Lily Louis Mabel Marc Maya Mina Nadia Neil Nora Olga Oscar Paula Peter Priya Rosa Ruth Samir Sara Simon
Stella Theo Tom Uma Vera Victor Wanda Yusuf Zoe""".split()
LAST = """Abbott Akhtar Archer Baker Barlow Becker Birch Brandt Brook Carter Chandra Clay Cole Croft Dale Dean Dixon
Dunn Elms Farrow Fell Finch Fischer Ford Frost Garner Gill Grove Hale Hart Hayes Heath Holt Hunt Ivory Jarvis Keller Kerr
Khan Lane Larsen Leigh Lind Lowe Marsh Mercer Moss Nash Nolan North Okafor Page Parr Patel Pike Pool Quinn Rao Reed Rowe
Sand Shaw Silva Stone Swift Thorne Vale Vogel Ward Webb West Wilde Wood Yates""".split()
# Geographic blocks of 1,000 numbers each that Ofcom keeps for drama.
PHONE_BLOCKS = ["113496", "114496", "115496", "116496", "117496", "118496", "121496", "131496", "141496", "151496",
                "161496", "191498"]
# category, theme: what a ticket is about; complaints and questions.
GRIEVANCES = [("delivery", "arrived late"), ("delivery", "parcel damaged"), ("quality", "broken on arrival"),
              ("quality", "colour differs"), ("wrong_item", "wrong item sent"), ("refund", "refund not seen")]
QUESTIONS = [("delivery", "where is my parcel"), ("invoice", "copy of the invoice"), ("product", "size and material"),
             ("exchange", "exchange wanted"), ("stock", "back in stock when")]
CHANNELS = ["email", "phone", "chat"]
CUSTOMER_COLUMNS = ["customer_id", "name", "email", "phone", "registered_at", "locale", "consent_email_marketing"]
TICKET_COLUMNS = ["ticket_id", "customer_id", "order_id", "opened_at", "resolved_at", "category", "severity", "channel",
                  "complaint", "important", "complex", "amount", "sku", "theme", "status", "csat"]


def draw(purpose, thing=""):
    """A whole number of 64 bits that depends on SEED, the purpose and the thing only."""
    return int.from_bytes(hashlib.sha256(f"{SEED}|{purpose}|{thing}".encode()).digest()[:8], "big")


def ranked(purpose, things):
    return sorted(things, key=lambda thing: (draw(purpose, thing), thing))


def pick(purpose, thing, choices):
    return choices[draw(purpose, thing) % len(choices)]


def share(percent, count):
    return (count * percent + 50) // 100


def local_text(seconds):
    return oracle.local(seconds).strftime("%Y-%m-%dT%H:%M:%S")


def working_instant(purpose, thing, start, days):
    """An instant on a Monday to Friday between 09:00 and 17:59, within `days` dates from the local date `start`."""
    dates = [start + timedelta(days=n) for n in range(days)]
    dates = [date for date in dates if date.weekday() < 5]
    date = pick(purpose + ".date", thing, dates)
    minute = draw(purpose + ".minute", thing) % (9 * 60)
    return oracle.instant(f"{date.isoformat()}T{9 + minute // 60:02}:{minute % 60:02}:{draw(purpose, thing) % 60:02}")


class Cast:
    """Who plays what: sets of customer ids, none of which overlap where the demo's sums would blur."""

    def __init__(self, book):
        self.book = book
        everybody = sorted(book)
        entries = oracle.entrants(book, GO_LIVE, MONTH_END)
        entering = {customer for _, customer, _ in entries}
        consenting = ranked("consent", everybody)[:share(CONSENT_SHARE, len(everybody))]
        self.consenting = set(consenting)
        self.denying = set(ranked("denied", set(everybody) - self.consenting)[:share(10, len(everybody))])
        # Those who enter from the 25th on wait for their second mail at the month's end: none of them complains.
        early = {customer for since, customer, _ in entries if since < oracle.instant("2011-12-25T00:00:00")}
        willing = ranked("entrant", early & self.consenting)
        self.complaining_entrants = willing[:COMPLAINING_ENTRANTS]
        refused = willing[COMPLAINING_ENTRANTS:COMPLAINING_ENTRANTS + SUPPRESSED_ENTRANTS]
        others = set(everybody) - entering
        wanted = share(SUPPRESSED_SHARE, len(everybody)) - len(refused)
        self.suppressed = sorted(refused + ranked("suppressed", others)[:wanted])
        settled = {customer for customer in others if self.bought(customer, "2011-11-01T00:00:00")}
        wanted = share(COMPLAINT_SHARE, len(everybody)) - COMPLAINING_ENTRANTS
        open_elsewhere = ranked("complaint", settled - set(self.suppressed))[:wanted]
        self.complaining = sorted(self.complaining_entrants + open_elsewhere)
        # December's tickets are of people who bought lately: none of them enters the win-back.
        lately = {customer for customer in others - set(self.complaining)
                  if any(at >= oracle.instant("2011-08-01T00:00:00") for at, _ in self.bought(customer, "2011-11-30T18:00:00"))}
        days = [GO_LIVE + n * oracle.DAY for n in range(31)] + [MONTH_END]
        tiers = {customer: {oracle.truth(book[customer], day)["tier_tag"] for day in days}
                 for customer in sorted(lately)}
        self.vips = ranked("vip", [customer for customer, seen in tiers.items() if seen == {"diamond"}])
        self.ordinary = ranked("ordinary", [customer for customer, seen in tiers.items() if "diamond" not in seen])

    def bought(self, customer, before):
        return [(at, order) for at, _, purchase, order in self.book[customer]
                if purchase and at < oracle.instant(before)]


def name_of(customer):
    return pick("first", customer, FIRST), pick("last", customer, LAST)


def email_of(customer):
    first, last = name_of(customer)
    domain = pick("domain", customer, ["example.com", "example.net", "example.org"])
    return f"{first.lower()}.{last.lower()}.{customer}@{domain}"


def customers(cast):
    phones = {customer: f"+44{PHONE_BLOCKS[n // 1000]}{n % 1000:04}" for n, customer in enumerate(ranked("phone", cast.book))}
    for customer in sorted(cast.book):
        consent = "granted" if customer in cast.consenting else "denied" if customer in cast.denying else ""
        yield [customer, " ".join(name_of(customer)), email_of(customer), phones[customer],
               local_text(cast.book[customer][0][0]), "en", consent]


def ticket(customer, order, opened, resolved=None, *, complaint=False, important=False, complex_=False, amount="",
           severity="S4", about=("", ""), csat=""):
    """One row but for its id; rows get their ids in order of opening."""
    key = f"{customer}|{order}|{opened}"
    return [customer, order, local_text(opened), "" if resolved is None else local_text(resolved), about[0], severity,
            pick("channel", key, CHANNELS), *(("false", "true")[flag] for flag in (complaint, important, complex_)),
            amount, "", about[1], "open" if resolved is None else "resolved", csat]


def open_complaints(cast):
    for customer in cast.complaining:
        _, order = cast.bought(customer, "2011-11-05T00:00:00")[-1]
        opened = working_instant("complaint.opened", customer, datetime(2011, 11, 7).date(), 24)
        yield ticket(customer, order, opened, complaint=True, severity=pick("severity", customer, ["S2", "S3", "S3", "S4"]),
                     about=pick("grievance", customer, GRIEVANCES))


def past_tickets(cast):
    """Resolved before November, so that no cool-down after a closed complaint reaches into December."""
    people = ranked("past", [customer for customer in cast.book if cast.bought(customer, "2011-10-01T00:00:00")])
    # How many resolved complaints: 150 people one, 40 two, 16 three to five; then 300 with a question.
    plan = [(1, True)] * 150 + [(2, True)] * 40 + [(3 + n % 3, True) for n in range(16)] + [(1, False)] * 300
    for customer, (count, complaint) in zip(people, plan):
        orders = cast.bought(customer, "2011-10-01T00:00:00")
        for n in range(count):
            key = f"{customer}#{n}"
            at, order = orders[draw("past.order", key) % len(orders)]
            opened = working_instant("past.opened", key, oracle.local(at).date() + timedelta(days=2), 21)
            resolved = opened + 3_600 * (2 + draw("past.hours", key) % 110)
            score = pick("past.csat", key, ["", "1", "2", "2", "3", "4"] if complaint else ["", "", "3", "4", "5", "5"])
            yield ticket(customer, order, opened, resolved, complaint=complaint, csat=score,
                         severity=pick("severity", key, ["S2", "S3", "S3", "S4"]) if complaint else "S4",
                         about=pick("about", key, GRIEVANCES if complaint else QUESTIONS))


def december_tickets(cast):
    vips, ordinary = iter(cast.vips), iter(cast.ordinary)
    for burst, friday in enumerate(FRIDAYS):
        for n in range(BURST):
            customer = next(vips) if n < VIPS else next(ordinary)
            key = f"{friday}#{n}"
            _, order = cast.bought(customer, "2011-11-30T18:00:00")[-1]
            date = datetime.fromisoformat(friday).date()
            # Opened in the four days before (the first burst: on Thursday 1 December), resolved that afternoon.
            monday = date - timedelta(days=1 if burst == 0 else 4)
            opened = working_instant("december.opened", key, monday, (date - monday).days)
            afternoon = draw("december.resolved", key) % (4 * 3_600 + 50 * 60)
            resolved = oracle.instant(f"{friday}T13:00:00") + afternoon
            important = n < IMPORTANT
            amount = f"{20 + draw('amount', key) % (900 if important else 400)}.{draw('pence', key) % 100:02}"
            yield ticket(customer, order, opened, resolved, important=important,
                         complex_=important and draw("complex", key) % 5 == 0, amount=amount,
                         severity=pick("severity", key, ["S2", "S3"]) if important else "S4",
                         about=pick("about", key, GRIEVANCES if important else QUESTIONS))


def tickets(cast):
    rows = [*open_complaints(cast), *past_tickets(cast), *december_tickets(cast)]
    rows.sort(key=lambda row: (row[2], row[0], row[1]))
    return [[f"T{number:05}", *row] for number, row in enumerate(rows, 1)]


def as_csv(columns, rows):
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(columns)
    out.writerows(rows)
    return text.getvalue().encode()


def main():
    cast = Cast(oracle.read_orders(HERE / "orders.csv.gz"))
    made = {
        "customers.csv.gz": as_csv(CUSTOMER_COLUMNS, customers(cast)),
        "suppressions.csv": as_csv(["email", "reason"], [[email_of(customer), "hard_bounce"] for customer in cast.suppressed]),
        "tickets.csv.gz": as_csv(TICKET_COLUMNS, tickets(cast)),
    }
    stale = []
    for name, content in made.items():
        path, packed = HERE / name, name.endswith(".gz")
        if "--check" in sys.argv[1:]:
            # The content, not the packed bytes: those may differ with the machine's zlib.
            there = path.read_bytes() if path.exists() else b""
            stale += [name] if (gzip.decompress(there) if packed and there else there) != content else []
            continue
        with open(path, "wb") as raw:
            if packed:
                with gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
                    file.write(content)
            else:
                raw.write(content)
    print(f"seed {SEED}: {', '.join(made)}", file=sys.stderr)
    if stale:
        sys.exit(f"not what the seed gives: {', '.join(stale)}; run demo/retail/generate.py and look at the difference")


if __name__ == "__main__":
    main()
