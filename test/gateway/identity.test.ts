import fc from "fast-check";
import { expect, test } from "vitest";
import type { Principal } from "../../src/domain/access/principal.ts";
import {
  encodeValue,
  identityHeaders,
  identityOf,
  maxIdentityBytes,
} from "../../src/rpc/gateway/identity.ts";
import { anyCharacter, runs } from "../support/random.ts";

const principal: Principal = {
  accountId: "acct_1",
  accountExternalId: "",
  profile: { id: "prof_1", type: "api_key", name: "", email: "" },
  kind: "application",
  keyId: "key_1",
  key: { name: "n", externalId: "", labels: [] },
  permissions: ["agents:read"],
  workspaceScope: "selected",
  workspaceIds: [],
  entitlements: [],
  owner: false,
  platform: false,
  superseded: false,
};

test("every text becomes a value that no gateway can misread, and decodeURIComponent returns it", () => {
  const text = fc.string({ unit: anyCharacter, maxLength: 40 });
  fc.assert(
    fc.property(text, (original) => {
      const value = encodeValue(original);
      expect(value).toMatch(/^[A-Za-z0-9\-_.~:/@%]*$/);
      expect(decodeURIComponent(value)).toBe(original);
    }),
    { numRuns: runs(200) },
  );
  expect(encodeValue("a\ud800b")).toBe("a%EF%BF%BDb");
});

test("a list that does not fit is left out as a whole, and latchkey-omitted names its header", () => {
  const lists = fc.record({
    permissions: fc.array(fc.stringMatching(/^[a-z]{1,40}:read$/), { maxLength: 120 }),
    workspaceIds: fc.array(fc.stringMatching(/^ws_[a-z0-9]{26}$/), { maxLength: 120 }),
    name: fc.string({ unit: "grapheme", maxLength: 128 }),
    accountExternalId: fc.string({ unit: "grapheme", maxLength: 128 }),
  });
  fc.assert(
    fc.property(lists, ({ name, ...others }) => {
      const key = { name, externalId: "", labels: [] };
      const identity = identityOf({ ...principal, ...others, key });
      expect(Object.keys(identity).sort()).toEqual([...identityHeaders].sort());
      const { "latchkey-omitted": omitted, ...values } = identity;
      expect(Object.values(values).join("").length).toBeLessThanOrEqual(maxIdentityBytes);
      const wanted: Record<string, string> = {
        "latchkey-permissions": others.permissions.join(","),
        "latchkey-workspace-ids": others.workspaceIds.join(","),
        "latchkey-key-name": encodeValue(name),
        "latchkey-account-external-id": encodeValue(others.accountExternalId),
      };
      for (const [header, value] of Object.entries(wanted)) {
        const isOmitted = omitted.split(",").includes(header);
        expect(identity[header as keyof typeof identity]).toBe(isOmitted ? "" : value);
      }
    }),
    { numRuns: runs(100) },
  );
});

test("a principal with all workspaces has `*`, and one without any has an empty value", () => {
  expect(identityOf({ ...principal, workspaceScope: "all" })["latchkey-workspace-ids"]).toBe("*");
  expect(identityOf(principal)["latchkey-workspace-ids"]).toBe("");
});
