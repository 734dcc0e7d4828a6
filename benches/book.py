"""A made-up shop of any size, the same for the same seed: its orders and tickets as CSV files, and events.

At size 1 a million customers and ten million orders, over three years. How often somebody orders falls off as it does in
shops: half of the customers order once or twice, a few very often. One order in twenty is refunded; there is a ticket for
one in twenty, of which two in five are complaints, and all but a few are closed within a fortnight.
"""
import csv
import random
from datetime import datetime, timedelta

CUSTOMERS = 1_000_000
ORDERS = 10_000_000
# Of an order that is no refund.
TICKETS = 0.05
SEED = 20_260_925
BEGIN = datetime(2023, 1, 1)
DAYS = 3 * 365
# Where the clock of a book stands that is only looked at: past all that happens in it.
END = "2026-01-31T00:00:00Z"


def orders(size, seed=SEED):
    """order_id, customer, instant (local), minor units, refund_of or None; about ORDERS * size of them."""
    dice = random.Random(seed)
    customers, wanted, made = max(1, int(CUSTOMERS * size)), max(1, int(ORDERS * size)), 0
    while made < wanted:
        # The square of an even draw falls on low numbers far more often: some customers order very often.
        customer = int(customers * dice.random() ** 2)
        at = BEGIN + timedelta(seconds=dice.randrange(DAYS * 86_400))
        minor = int(100 * dice.lognormvariate(4.2, 0.9)) + 1
        order = f"O{made:09d}"
        yield order, f"C{customer:07d}", at, minor, None
        made += 1
        if dice.random() < 0.05 and made < wanted:
            back = at + timedelta(seconds=dice.randrange(30 * 86_400))
            yield f"R{made:09d}", f"C{customer:07d}", back, minor // dice.choice((1, 1, 2)) or 1, order
            made += 1


def write_orders(path, size):
    """The generic orders CSV. Gives the number of rows."""
    rows = 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["order_id", "customer_id", "paid_at", "total", "kind", "refund_of"])
        for order, customer, at, minor, of in orders(size):
            kind = "refund" if of else "purchase"
            out.writerow([order, customer, at.isoformat(sep=" "), f"{minor // 100}.{minor % 100:02d}", kind, of or ""])
            rows += 1
    return rows


def write_tickets(path, size, seed=SEED):
    """The generic tickets CSV. Gives the number of rows."""
    dice, rows = random.Random(seed + 1_000), 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["ticket_id", "customer_id", "opened_at", "resolved_at", "order_id", "complaint", "severity"])
        for order, customer, at, _, of in orders(size):
            if of or dice.random() >= TICKETS:
                continue
            opened = at + timedelta(seconds=dice.randrange(20 * 86_400))
            closed = opened + timedelta(seconds=dice.randrange(3_600, 14 * 86_400))
            closed = closed.isoformat(sep=" ") if dice.random() < 0.98 else ""
            complaint = "true" if dice.random() < 0.4 else "false"
            out.writerow([f"T{rows:08d}", customer, opened.isoformat(sep=" "), closed, order, complaint, dice.randrange(1, 5)])
            rows += 1
    return rows


def batches(size, count, length, turn=0, seed=SEED):
    """`count` batches of `length` events as web shops send them: seven in ten browse-like custom events, two orders, one
    identify; one event in a hundred is of somebody new. Each event is said once, over all turns."""
    dice = random.Random(seed + 1 + turn)
    customers, n = max(1, int(CUSTOMERS * size)), turn * count * length
    for _ in range(count):
        batch = []
        for _ in range(length):
            customer = f"N{n:09d}" if dice.random() < 0.01 else f"C{int(customers * dice.random() ** 2):07d}"
            at = (BEGIN + timedelta(days=DAYS, seconds=n)).isoformat() + "Z"
            event = {"messageId": f"bench-{n:09d}", "userId": customer, "timestamp": at}
            draw = dice.random()
            if draw < 0.7:
                event |= {"type": "track", "event": "Product Added",
                          "properties": {"product_id": f"P{dice.randrange(5_000)}", "price": dice.randrange(1, 500), "quantity": 1}}
            elif draw < 0.9:
                event |= {"type": "track", "event": "Order Completed",
                          "properties": {"order_id": f"B{n:09d}", "total": dice.randrange(100, 90_000) / 100}}
            else:
                event |= {"type": "identify", "traits": {"email": f"{customer.lower()}@example.com", "name": f"Customer {customer}"}}
            batch.append(event)
            n += 1
        yield batch
