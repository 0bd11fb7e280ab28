import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ApiKeyTokenSchema } from "../../console/gen/latchkey/v1/api_key_pb.ts";
import { Verdict } from "../../console/gen/latchkey/v1/verdict_pb.ts";
import { everything, type KeyFilter, requestOf } from "../../console/src/pages/keys/filter.ts";
import {
  holdsIn,
  parsePasted,
  withoutPermissions,
  withPermissions,
} from "../../console/src/pages/keys/permission-list.ts";
import { checksum, findToken } from "../../console/src/pages/keys/token-form.ts";
import { storyOf } from "../../console/src/pages/keys/token-story.ts";
import { barsOf } from "../../console/src/pages/keys/usage-bars.ts";
import { labelsText, parseLabels } from "../../console/src/parts/labels.ts";
import { permissionSet } from "../../src/domain/access/permission.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { mintToken, checksum as serverChecksum, type TokenKind } from "../../src/domain/kernel/token.ts";

const kinds = fc.constantFrom<TokenKind>("live", "test", "svc", "dev", "ses", "inv", "otp");
const prefixes = fc.constantFrom("lk", "acme", "ps-", "k8s2");
const minted = fc
  .tuple(prefixes, kinds)
  .map(([prefix, kind]) => ({ kind, id: newId("key"), prefix }))
  .map(({ kind, id, prefix }) => ({ kind, id, ...mintToken(prefix, kind, id) }));
const permission = fc
  .tuple(
    fc.constantFrom("agents", "runs", "api_keys", "*", "platform.*"),
    fc.constantFrom("read", "write", "manage", "start", "*"),
  )
  .filter(([resource, verb]) => resource !== "platform.*" || ["read", "write", "manage"].includes(verb))
  .map(([resource, verb]) => `${resource}:${verb}`);
const permissions = fc.array(fc.oneof(permission, fc.constant("*")), { maxLength: 6 });

describe("a token in a text", () => {
  test("is found by its form and its checksum, with the id of its key", () => {
    fc.assert(
      fc.property(minted, fc.constantFrom("", " ", "Bearer ", "name: "), ({ kind, id, token }, before) => {
        const keyId = ["live", "test", "svc", "dev"].includes(kind) ? id : "";
        expect(findToken(`${before}${token} `)).toEqual({ whole: true, keyId });
      }),
    );
  });

  test("is found when it is cut or mistyped, and then it is not whole", () => {
    fc.assert(
      fc.property(minted, fc.integer({ min: 1, max: 37 }), ({ token }, cut) => {
        expect(findToken(token.slice(0, -cut))?.whole).toBe(false);
        const wrong = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
        expect(findToken(wrong)?.whole).toBe(false);
      }),
    );
  });

  test("is not seen in an id, a hint or a name", () => {
    fc.assert(
      fc.property(minted, fc.string(), ({ id, hint }, name) => {
        expect(findToken(id)).toBeUndefined();
        expect(findToken(hint)).toBeUndefined();
        expect(findToken(name)).toBeUndefined();
      }),
    );
  });

  test("has the checksum that the server computes", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x20-\x7e]*$/), (text) => {
        expect(checksum(text)).toBe(serverChecksum(text));
      }),
    );
  });

  test("never reaches the request of a list", () => {
    fc.assert(
      fc.property(minted, fc.constantFrom("search", "labels"), fc.string(), ({ token }, field, around) => {
        const filter: KeyFilter = { ...everything, [field]: `${around}${token}` };
        const sent = JSON.stringify(requestOf(filter, 0), (_, value) =>
          typeof value === "bigint" ? Number(value) : value,
        );
        expect(sent).not.toContain(token.slice(-20));
      }),
    );
  });
});

describe("the filter of the list", () => {
  test("searches an id by its beginning and everything else by the name", () => {
    expect(requestOf({ ...everything, search: " key_01ab " }, 0)).toMatchObject({ prefix: "key_01ab" });
    expect(requestOf({ ...everything, search: "key of Bob" }, 0)).toMatchObject({ query: "key of Bob" });
  });

  test("is the same request for an hour", () => {
    const filter = { ...everything, expiresSoon: true, unused: true };
    expect(requestOf(filter, 3_599_999)).toEqual(requestOf(filter, 0));
    expect(requestOf(filter, 3_600_000)).not.toEqual(requestOf(filter, 0));
  });
});

describe("a list of permissions", () => {
  test("allows after an addition what both lists allow, and nothing else", () => {
    fc.assert(
      fc.property(permissions, permissions, (list, added) => {
        const all = withPermissions(list, added);
        expect(permissionSet(all).permissions).toEqual(permissionSet([...list, ...added]).permissions);
      }),
    );
  });

  test("holds after a removal nothing of what was removed, if no wider entry is left", () => {
    fc.assert(
      fc.property(permissions, permission, (list, removed) => {
        const left = withoutPermissions(list, [removed]);
        expect(left).not.toContain(removed);
        for (const entry of left) expect(list).toContain(entry);
        if (!holdsIn(left, removed)) expect(left.every((entry) => entry !== removed)).toBe(true);
      }),
    );
  });

  test("comes from pasted text with any separators, and names what is no permission", () => {
    expect(parsePasted('["agents:read", "runs:start"]; webhook nonsense')).toEqual({
      permissions: ["agents:read", "runs:start", "webhooks:manage"],
      others: ["nonsense"],
    });
  });
});

test("labels survive the way to text and back", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9]{1,10}$/);
  fc.assert(
    fc.property(fc.dictionary(name, name, { noNullPrototype: true }), (labels) => {
      expect(parseLabels(labelsText(labels))).toEqual({ labels });
    }),
  );
});

test.each([
  ["env", "Expected key=value, found “env”."],
  ["=prod", "Expected key=value, found “=prod”."],
  ["env=prod, env=test", "The label “env” is there twice."],
])("the text of labels %j has an error that names its part", (text, error) => {
  expect(parseLabels(text)).toEqual({ labels: {}, error });
});

describe("the live tokens of a key tell", () => {
  const token = (createdAt: number, lastUsedAt?: number) =>
    create(ApiKeyTokenSchema, {
      hint: `lk_live_x…${createdAt}`,
      createdAt: timestampFromMs(createdAt),
      ...(lastUsedAt !== undefined && { lastUsedAt: timestampFromMs(lastUsedAt) }),
    });
  test.each([
    ["that there is none", [], "none"],
    ["that there was no rotation", [token(1, 5)], "one"],
    ["that the old one is used after the rotation", [token(1, 30), token(20, 40)], "old-used"],
    ["that only the new one is used", [token(1, 10), token(20, 40)], "moved"],
    ["that none was used since the rotation", [token(1, 10), token(20)], "quiet"],
    ["which of several old ones is used", [token(1, 5), token(10, 25), token(20, 21)], "old-used"],
  ])("%s", (_what, tokens, state) => {
    expect(storyOf(tokens).state).toBe(state);
  });

  test("the old one that was used last", () => {
    const story = storyOf([token(1, 31), token(10, 32), token(20)]);
    expect(story).toMatchObject({ state: "old-used", old: { hint: "lk_live_x…10" } });
  });
});

test("the bars of a chart have every verification of the range once", () => {
  const point = fc.record({ at: fc.integer({ min: 0, max: 99 }), count: fc.integer({ min: 1, max: 1000 }) });
  const one = fc.record({
    verdict: fc.constantFrom(Verdict.VALID, Verdict.EXPIRED, Verdict.RATE_LIMITED, Verdict.QUOTA_EXCEEDED),
    points: fc.array(point, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 4 }), (all) => {
      const series = all.map(({ verdict, points }) => ({
        verdict,
        points: points.map(({ at, count }) => ({
          startTime: timestampFromMs(at * 10),
          count: BigInt(count),
        })),
      }));
      const bars = barsOf(series as never, { startMs: 0, stepMs: 100, steps: 10 });
      expect(bars).toHaveLength(10);
      const shown = bars.flatMap(({ values }) => values).reduce((sum, value) => sum + value, 0);
      expect(shown).toBe(all.flatMap(({ points }) => points).reduce((sum, { count }) => sum + count, 0));
    }),
  );
});
