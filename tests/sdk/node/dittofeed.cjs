// Sends the suites' events through @dittofeed/sdk-node, unmodified. tests/sdk/suites.py starts this.
//
// This SDK sends each batch once: where that fails, `flush` says so and the events are the caller's again. So a caller
// who wants none lost submits at most four (the fifth would be sent in the background), and again until `flush` succeeds,
// under the same message ids.
"use strict";
const { sdk, host, key, when, people, orders, offers, setClockAhead } = require("./common.cjs");
const { DittofeedSdk } = sdk("@dittofeed/sdk-node");

async function send(calls) {
  for (let n = 0; n < calls.length; n += 4) {
    const few = calls.slice(n, n + 4);
    for (let attempt = 0; ; attempt++) {
      few.forEach(([call, event]) => DittofeedSdk[call](event));
      try {
        await DittofeedSdk.flush();
        break;
      } catch (error) {
        if (attempt === 20) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }
}

async function main() {
  const writeKey = `Basic ${Buffer.from(`${key}:`).toString("base64")}`;
  await DittofeedSdk.init({ writeKey, host });
  const timestamp = when.toISOString();
  const of = (call) => (event) => [call, { ...event, timestamp }];
  await send([
    ...people.map(of("identify")),
    of("page")({ userId: "u0", name: "Home", messageId: "page" }),
    of("screen")({ userId: "u0", name: "Start", messageId: "screen" }),
    ...orders.map(of("track")),
    ...offers(100).map(of("track")),
  ]);
  setClockAhead();
  const ahead = { userId: "u0", event: "Clock Ahead", messageId: "ahead", timestamp: new Date().toISOString() };
  await send([["track", ahead]]);
}
main();
