import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DomainError } from "../../src/domain/kernel/error.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import {
  checkEtag,
  decodeCursor,
  encodeCursor,
  etagOf,
  pageLimit,
  parseLabelSelector,
} from "../../src/domain/kernel/list.ts";

const orders = fc.constantFrom("asc" as const, "desc" as const);
const ids = fc
  .tuple(fc.constantFrom("key", "ws", "prof", "evt"), fc.stringMatching(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/))
  .map(([prefix, ulid]) => `${prefix}_${ulid}`);

function violation(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof DomainError) return error.violations[0]?.field;
    throw error;
  }
  return undefined;
}

describe("a cursor", () => {
  test("decodes to the position that it was made from", () => {
    fc.assert(
      fc.property(ids, orders, (id, order) => {
        const cursor = encodeCursor(id, order);
        expect(decodeCursor(cursor, order)).toBe(id);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]{1,256}$/);
      }),
    );
  });

  test("of the other sort order is refused", () => {
    const id = newId("key");
    expect(violation(() => decodeCursor(encodeCursor(id, "asc"), "desc"))).toBe("cursor");
    expect(violation(() => decodeCursor(encodeCursor(id, "desc"), "asc"))).toBe("cursor");
  });

  test("is refused if it is garbage", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        expect(violation(() => decodeCursor(text, "asc"))).toBe("cursor");
      }),
    );
    for (const text of ["asc:", "asc:key_", "asc:key_' or true --", `up:${newId("key")}`]) {
      expect(violation(() => decodeCursor(Buffer.from(text).toString("base64url"), "asc"))).toBe("cursor");
    }
  });

  test("is refused if anything is added to it", () => {
    const noise = fc.constantFrom("!", " ", "=", ".", "é");
    fc.assert(
      fc.property(ids, noise, fc.nat(), (id, character, at) => {
        const cursor = encodeCursor(id, "asc");
        const index = at % (cursor.length + 1);
        const noisy = cursor.slice(0, index) + character + cursor.slice(index);
        expect(violation(() => decodeCursor(noisy, "asc"))).toBe("cursor");
      }),
    );
  });
});

describe("a label selector", () => {
  test.each([
    ["env=prod", { env: "prod" }],
    ["env=prod,team=ai", { env: "prod", team: "ai" }],
    [" env=prod , team=ai ", { env: "prod", team: "ai" }],
    ["env=", { env: "" }],
    ["example.com/team=ai", { "example.com/team": "ai" }],
    ["env=prod,env=prod", { env: "prod" }],
    ["constructor=x", { constructor: "x" }],
  ])("%j selects %j", (text, labels) => expect(parseLabelSelector(text)).toEqual(labels));

  test.each([
    "env",
    "=prod",
    "env=prod,",
    ",env=prod",
    "env==prod",
    "env=prod,env=test",
    "env=a b",
    'env="prod"',
    "__proto__=x",
    "env=prod;drop table api_key",
  ])("%j is refused", (text) => expect(violation(() => parseLabelSelector(text))).toBe("labels"));

  test("never filters by less than its text says", () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][-A-Za-z0-9_.]{0,10}$/);
    fc.assert(
      fc.property(fc.dictionary(name, name, { minKeys: 1, noNullPrototype: true }), (labels) => {
        const text = Object.entries(labels)
          .map((pair) => pair.join("="))
          .join(",");
        expect(parseLabelSelector(text)).toEqual(labels);
      }),
    );
  });
});

test.each([
  [0, 50],
  [1, 1],
  [200, 200],
  [201, 200],
  [2147483647, 200],
])("a limit of %i results in a page of %i", (limit, size) => expect(pageLimit(limit)).toBe(size));

test("a negative limit is refused", () => {
  expect(violation(() => pageLimit(-1))).toBe("limit");
});

test("an update with the etag of another version is refused, and without an etag it passes", () => {
  expect(() => checkEtag(etagOf(3), 3)).not.toThrow();
  expect(() => checkEtag("", 3)).not.toThrow();
  for (const etag of [etagOf(2), "v", "3", "*"]) {
    expect(() => checkEtag(etag, 3)).toThrow(expect.objectContaining({ reason: "ETAG_MISMATCH" }));
  }
});
