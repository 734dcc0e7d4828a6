#!/usr/bin/env python3
"""Sends the suites' events through one of the official SDKs for Python, unmodified: senders.py segment|rudder|raw

`raw` takes none: it posts the same as Segment's spec has it, in batches as large as may be.

Host and write key come from the environment. tests/sdk/suites.py starts this and says what must have come of it.
"""
import base64
import gzip
import http.client
import importlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

ORDERS, BROKEN, OFFERS = 500, 250, 2500


class Ahead(datetime):
    """A machine whose clock is an hour ahead."""

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + timedelta(hours=1)


def raw():
    """The same events, without an SDK. Each batch is sent until it is answered 200."""
    host, key = os.environ["SDK_HOST"], os.environ["SDK_KEY"]
    credentials = base64.b64encode(f"{key}:".encode()).decode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    now = datetime.now(timezone.utc)
    when = (now - timedelta(days=3)).isoformat()

    def post(events, **more):
        body = gzip.compress(json.dumps({"batch": events, **more}).encode())
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json", "Content-Encoding": "gzip"}
        for _ in range(10):
            try:
                request = urllib.request.Request(f"{host}/v1/batch", body, headers)
                with opener.open(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as refused:
                if refused.code not in (429, 503):
                    raise
                time.sleep(int(refused.headers["Retry-After"]))
            except (OSError, http.client.HTTPException):
                pass  # Nobody answered: it may have been taken in.
        sys.exit("ten times in vain")

    def event(kind, n, message, **more):
        return {"type": kind, "userId": f"u{n % 3}", "messageId": message, "timestamp": when, **more}

    people = [event("identify", n, f"person-{n}", traits={"email": f"u{n}@example.com", "name": f"Rosa {n}"}) for n in range(3)]
    people += [event("group", 0, "group", groupId="the-firm"), event("page", 0, "page"), event("screen", 0, "screen")]
    orders = [event("track", n, f"order-{n}", event="Order Completed",
                    properties={"order_id": n, "total": "free" if n == BROKEN else n + 0.5}) for n in range(ORDERS)]
    offers = [event("track", n, f"offer-{n}", event="Offer Viewed", properties={"n": n}) for n in range(OFFERS)]
    post(people)
    receipt = post(orders)
    if [refused["index"] for refused in receipt["rejected"]] != [BROKEN]:
        sys.exit(f"one of the orders is broken, and the answer is {receipt['rejected']}")
    receipt = post(offers)
    if receipt["accepted"] + receipt["duplicate"] != OFFERS:
        sys.exit(f"of {OFFERS} events in one batch: {receipt}")
    again = post(offers)
    if again["duplicate"] != OFFERS:
        sys.exit(f"sent again, {again['duplicate']} of {OFFERS} are known")
    try:
        post(offers + [event("track", 0, "one-too-many", event="Offer Viewed")])
        sys.exit("a batch of 2,501 was taken in")
    except urllib.error.HTTPError as refused:
        if refused.code != 413:
            raise
    ahead = (now + timedelta(hours=1)).isoformat()
    post([{**event("track", 0, "ahead", event="Clock Ahead"), "timestamp": ahead}], sentAt=ahead)


def main():
    name = sys.argv[1]
    if name == "raw":
        return raw()
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
