// Sends the suites' events through @segment/analytics-node, unmodified. tests/sdk/suites.py starts this.
"use strict";
const { sdk, host, key, when, people, orders, offers, setClockAhead } = require("./common.cjs");
const { Analytics } = sdk("@segment/analytics-node");

const errors = [];
async function through(flushAt, send) {
  const analytics = new Analytics({ writeKey: key, host, flushAt, flushInterval: 1000, maxRetries: 10 });
  analytics.on("error", (error) => errors.push(error));
  send(analytics);
  await analytics.closeAndFlush({ timeout: 60_000 });
}

async function main() {
  await Promise.all([
    through(100, (a) => {
      for (const person of people) a.identify({ ...person, timestamp: when });
      a.group({ userId: "u0", groupId: "the-firm", traits: { employees: 7 }, timestamp: when, messageId: "group" });
      a.page({ userId: "u0", name: "Home", timestamp: when, messageId: "page" });
      a.screen({ userId: "u0", name: "Start", timestamp: when, messageId: "screen" });
    }),
    through(500, (a) => orders.forEach((order) => a.track({ ...order, timestamp: when }))),
    // It counts a batch's bytes too low, so that 2,500 events at once would be more than 500 KB.
    through(1000, (a) => offers(2500).forEach((offer) => a.track({ ...offer, timestamp: when }))),
  ]);
  setClockAhead();
  await through(1, (a) => a.track({ userId: "u0", event: "Clock Ahead", messageId: "ahead" }));
  if (errors.length) {
    console.error(`the SDK reports ${errors.length} error(s), the first:`, errors[0]);
    process.exit(1);
  }
}
main();
