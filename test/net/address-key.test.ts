import fc from "fast-check";
import { expect, test } from "vitest";
import { addressKey } from "../../src/net/address-key.ts";

test.each([
  ["an IPv4 address as it is", "203.0.113.5", "203.0.113.5"],
  ["an IPv6 address by its /64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["a short IPv6 address by its /64", "2001:db8::5", "2001:db8:0:0::/64"],
  ["an IPv6 address that ends with ::", "2001:db8:a:b::", "2001:db8:a:b::/64"],
  ["the IPv6 loopback address by its /64", "::1", "0:0:0:0::/64"],
  ["a link-local address without its zone", "fe80::1%eth0", "fe80:0:0:0::/64"],
  ["an IPv4-mapped address as IPv4", "::ffff:203.0.113.5", "203.0.113.5"],
  ["an IPv4-mapped address in hexadecimal as IPv4", "::ffff:cb00:7105", "203.0.113.5"],
  ["an IPv4-mapped address in full as IPv4", "0:0:0:0:0:FFFF:cb00:7105", "203.0.113.5"],
  ["a NAT64 address as IPv4", "64:ff9b::203.0.113.5", "203.0.113.5"],
  ["an IPv4-compatible address by its /64", "::203.0.113.5", "0:0:0:0::/64"],
  ["the missing address of a closed connection as it is", "", ""],
  ["text that is not an address as it is", "no:address", "no:address"],
])("the limits count %s", (_name, address, key) => {
  expect(addressKey(address)).toBe(key);
});

const groups = (count: number) =>
  fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: count, maxLength: count });
const full = (numbers: number[]) => numbers.map((group) => group.toString(16).padStart(4, "0")).join(":");
// RFC 5952: no leading zeros, and the longest run of zeros is `::`. The URL parser writes this form.
const short = (numbers: number[]) => new URL(`http://[${full(numbers)}]`).hostname.slice(1, -1);
const isIpv4 = (key: string) => /^\d+\.\d+\.\d+\.\d+$/.test(key);

test("all addresses of one /64 have the same key, in every written form", () => {
  fc.assert(
    fc.property(groups(4), groups(4), groups(4), (network, one, other) => {
      const key = addressKey(full([...network, ...one]));
      fc.pre(!isIpv4(key));
      expect(addressKey(short([...network, ...one]))).toBe(key);
      expect(addressKey(full([...network, ...one]).toUpperCase())).toBe(key);
      expect(addressKey(short([...network, ...other]))).toBe(key);
    }),
  );
});

test("two /64 networks never share a key", () => {
  fc.assert(
    fc.property(groups(4), groups(4), groups(4), (one, other, host) => {
      fc.pre(full(one) !== full(other));
      expect(addressKey(full([...one, ...host]))).not.toBe(addressKey(full([...other, ...host])));
    }),
  );
});

test("an IPv4 address, its IPv4-mapped form and its NAT64 form have the same key", () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
      const low = [a * 256 + b, c * 256 + d];
      expect(addressKey(address)).toBe(address);
      expect(addressKey(`::ffff:${address}`)).toBe(address);
      expect(addressKey(short([0, 0, 0, 0, 0, 0xffff, ...low]))).toBe(address);
      expect(addressKey(full([0x64, 0xff9b, 0, 0, 0, 0, ...low]))).toBe(address);
    }),
  );
});
