import { isIPv4 } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isAddress, networkOf } from "../../src/domain/kernel/network.ts";

test.each([
  ["203.0.113.77", "203.0.113.0/24"],
  ["2001:db8:7:1::9", "2001:db8:7::/48"],
  ["2001:0DB8:0007:ffff::", "2001:db8:7::/48"],
  ["::1", "0:0:0::/48"],
  ["::ffff:203.0.113.77", "203.0.113.0/24"],
  ["::FFFF:cb00:714d", "203.0.113.0/24"],
  ["1:2:3:4:5:6:203.0.113.77", "1:2:3::/48"],
])("the network of %s is %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test.each(["", "localhost", "203.0.113", "203.0.113.256", "fe80::1%eth0", "203.0.113.0/24", "::ffff:1"])(
  "only a whole address without a zone has a network: %j",
  (text) => {
    expect(networkOf(text) !== "").toBe(text === "::ffff:1");
    expect(isAddress(text)).toBe(text === "::ffff:1");
  },
);

test("two addresses have the same network if and only if they agree in its bits", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV4(), fc.ipV6(), fc.ipV6(), (a, b, c, d) => {
      const bytes = (one: string) => one.split(".").slice(0, 3).join(".");
      expect(networkOf(a) === networkOf(b)).toBe(bytes(a) === bytes(b));
      const host = new URL(`http://[${c}]`).hostname;
      expect(networkOf(host.slice(1, -1))).toBe(networkOf(c));
      expect(networkOf(c) === networkOf(a)).toBe(false);
      expect([c, d].map(networkOf).every((one) => /\/(24|48)$/.test(one))).toBe(true);
      expect(isIPv4(a)).toBe(true);
    }),
  );
});
