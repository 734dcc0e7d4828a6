// What the senders for Node share: where the SDKs are installed, where to send, and what.
"use strict";
const { createRequire } = require("node:module");
const path = require("node:path");

exports.sdk = createRequire(path.join(process.env.SDK_FOLDER, "package.json"));
exports.host = process.env.SDK_HOST;
exports.key = process.env.SDK_KEY;

const day = 24 * 3600 * 1000;
exports.when = new Date(Date.now() - 3 * day);

exports.people = [0, 1, 2].map((n) => ({
  userId: `u${n}`,
  traits: { email: `u${n}@example.com`, name: `Rosa ${n}` },
  messageId: `person-${n}`,
}));
exports.orders = Array.from({ length: 500 }, (_, n) => ({
  userId: `u${n % 3}`,
  event: "Order Completed",
  properties: { order_id: n, total: n === 250 ? "free" : n + 0.5 },
  messageId: `order-${n}`,
}));
exports.offers = (many) =>
  Array.from({ length: many }, (_, n) => ({
    userId: `u${n % 3}`,
    event: "Offer Viewed",
    properties: { n },
    messageId: `offer-${n}`,
  }));

// From now on this machine's clock is an hour ahead.
exports.setClockAhead = () => {
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given) {
      super(...(given.length ? given : [Real.now() + 3600 * 1000]));
    }
    static now() {
      return Real.now() + 3600 * 1000;
    }
  };
};

process.on("unhandledRejection", (error) => {
  console.error("not handled:", error);
  process.exit(1);
});
