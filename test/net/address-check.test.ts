import fc from "fast-check";
import { expect, test } from "vitest";
import { createAddressCheck } from "../../src/net/host.ts";
import type { Request } from "../../src/net/request.ts";
import { runs } from "../support/random.ts";

test("an address is valid if and only if it makes a URL on the host of the request", () => {
  const check = createAddressCheck();
  const of = (url: string) =>
    ({ url, headers: { host: "a.example:80" }, rawHeaders: [] }) as unknown as Request;
  // The check remembers the host.
  expect(check(of("/"))).toBe(true);
  const pieces = fc.constantFrom(
    "/",
    "//",
    ".",
    "..",
    "?",
    "a",
    "_",
    "-",
    ":",
    "=",
    "&",
    ",",
    "*",
    "%",
    "\\",
    "@",
    "#",
    " ",
    "é",
  );
  const urls = fc.array(pieces, { maxLength: 8 }).map((parts) => `/${parts.join("")}`);
  fc.assert(
    fc.property(urls, (url) => {
      expect(check(of(url))).toBe(URL.canParse(url, "http://a.example:80"));
    }),
    { numRuns: runs(2_000) },
  );
});
