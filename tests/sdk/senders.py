#!/usr/bin/env python3
"""Sends the suites' events through one of the official SDKs for Python, unmodified: senders.py segment|rudder

Host and write key come from the environment. tests/sdk/suites.py starts this and says what must have come of it.
"""
import importlib
import os
import sys
from datetime import datetime, timedelta, timezone

ORDERS, BROKEN, OFFERS = 500, 250, 2500


class Ahead(datetime):
    """A machine whose clock is an hour ahead."""

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + timedelta(hours=1)


def main():
    name = sys.argv[1]
    package = {"segment": "segment.analytics", "rudder": "rudderstack.analytics"}[name]
    client, request = (importlib.import_module(f"{package}.{part}") for part in ("client", "request"))
    errors, host, key = [], os.environ["SDK_HOST"], os.environ["SDK_KEY"]
    def of(size, **more):
        return client.Client(key, host=host, on_error=lambda error, _: errors.append(error), max_queue_size=100_000,
                             upload_size=size, upload_interval=1, **more)

    # Segment's bounds its batches to 475 kB by itself; RudderStack's to 4 MB, so it has to be told.
    large = 2500 if name == "segment" else 1000
    people, orders, offers = of(100), of(ORDERS), of(large, gzip=True)
    when = datetime.now(timezone.utc) - timedelta(days=3)
    for n in range(3):
        people.identify(f"u{n}", {"email": f"u{n}@example.com", "name": f"Rosa {n}"}, timestamp=when,
                        message_id=f"person-{n}")
    people.group("u0", "the-firm", {"employees": 7}, timestamp=when, message_id="group")
    people.page("u0", "Shop", "Home", timestamp=when, message_id="page")
    people.screen("u0", "App", "Start", timestamp=when, message_id="screen")
    for n in range(ORDERS):
        total = "free" if n == BROKEN else n + 0.5
        orders.track(f"u{n % 3}", "Order Completed", {"order_id": n, "total": total}, timestamp=when,
                     message_id=f"order-{n}")
    for n in range(OFFERS):
        offers.track(f"u{n % 3}", "Offer Viewed", {"n": n}, timestamp=when, message_id=f"offer-{n}")
    for sender in (people, orders, offers):
        sender.flush()
        sender.join()
    client.datetime = request.datetime = Ahead
    ahead = of(1)
    ahead.track("u0", "Clock Ahead", message_id="ahead")
    ahead.flush()
    ahead.join()
    if errors:
        sys.exit(f"the SDK reports {len(errors)} error(s), the first: {errors[0]!r}")


if __name__ == "__main__":
    main()
