import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { ApiKeyKind, ApiKeyState, Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newMember, newRole } from "../support/actors/actors.ts";
import { inSeconds } from "../support/actors/api-key.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const day = 86_400;

type Filter = Parameters<Clients["apiKeys"]["listApiKeys"]>[0];

// Returns the names of the listed keys in alphabetical order, without the system key.
async function names(caller: Clients, filter: Filter): Promise<string[]> {
  const { items } = await caller.apiKeys.listApiKeys(filter);
  const listed = items.filter((key) => !key.spec?.system);
  return listed.map((key) => key.metadata?.name ?? "").sort();
}

async function changeKey(id: string, change: ReturnType<typeof sql>): Promise<void> {
  await sql`update api_key set ${change} where id = ${id}`.execute(app.db);
}

async function useKey(id: string, daysAgo: number): Promise<void> {
  await sql`
    insert into api_key_token_use (token_id, last_used_at)
    select id, clock_timestamp() - ${daysAgo} * interval '1 day' from api_key_token where api_key_id = ${id}
  `.execute(app.db);
}

async function keyInEachState(owner: Owner): Promise<void> {
  for (const name of ["active", "disabled", "expired", "disabled expired", "revoked"]) {
    const { id } = await issueKey(owner, { metadata: { name } });
    if (name.includes("disabled")) await owner.apiKeys.disableApiKey({ id });
    if (name.includes("expired")) await changeKey(id, sql`expires_at = clock_timestamp() - interval '1 day'`);
    if (name === "revoked") await owner.apiKeys.revokeApiKey({ id });
  }
}

describe("a list of keys", () => {
  test("by state has the keys that show this state, and no others", async () => {
    const owner = await app.newAccount();
    await keyInEachState(owner);
    expect(await names(owner, { state: ApiKeyState.ACTIVE })).toEqual(["active"]);
    expect(await names(owner, { state: ApiKeyState.DISABLED })).toEqual(["disabled"]);
    expect(await names(owner, { state: ApiKeyState.EXPIRED })).toEqual(["disabled expired", "expired"]);
    expect(await names(owner, { state: ApiKeyState.REVOKED })).toEqual(["revoked"]);
    const { ACTIVE, DISABLED, EXPIRED, REVOKED } = ApiKeyState;
    for (const state of [ACTIVE, DISABLED, EXPIRED, REVOKED]) {
      const { items } = await owner.apiKeys.listApiKeys({ state, showRevoked: true });
      expect(items.map((key) => key.state)).toEqual(items.map(() => state));
    }
  });

  test("by kind and environment has only matching keys", async () => {
    const owner = await app.newAccount();
    await issueKey(owner, { metadata: { name: "live" } });
    await issueKey(owner, { metadata: { name: "test" }, spec: { environment: Environment.TEST } });
    await issueKey(owner, { metadata: { name: "mine" }, spec: { kind: ApiKeyKind.DEVELOPER } });
    expect(await names(owner, { kind: ApiKeyKind.APPLICATION })).toEqual(["live", "test"]);
    expect(await names(owner, { kind: ApiKeyKind.DEVELOPER })).toEqual(["mine"]);
    expect(await names(owner, { environment: Environment.TEST })).toEqual(["test"]);
    expect(await names(owner, { environment: Environment.LIVE, query: "LIVE" })).toEqual(["live"]);
    expect(await names(owner, { environment: Environment.LIVE, query: "test" })).toEqual([]);
  });

  test("by expiry has the keys that end before the time, and none that never end", async () => {
    const owner = await app.newAccount();
    await issueKey(owner, { metadata: { name: "endless" } });
    await issueKey(owner, { metadata: { name: "soon" }, spec: { expiresAt: inSeconds(day) } });
    await issueKey(owner, { metadata: { name: "later" }, spec: { expiresAt: inSeconds(30 * day) } });
    expect(await names(owner, { expiresBefore: inSeconds(7 * day) })).toEqual(["soon"]);
    expect(await names(owner, { expiresBefore: inSeconds(60 * day) })).toEqual(["later", "soon"]);
  });

  test("by disuse has old keys without a use since the time, by any of their tokens", async () => {
    const owner = await app.newAccount();
    for (const [name, daysAgo] of Object.entries({ used: 1, idle: 40, rotated: 40, never: 0, fresh: 0 })) {
      const { id } = await issueKey(owner, { metadata: { name } });
      if (daysAgo > 0) await useKey(id, daysAgo);
      if (name !== "fresh") await changeKey(id, sql`created_at = created_at - interval '90 days'`);
      if (name === "rotated") {
        await owner.apiKeys.rotateApiKey({ id, gracePeriod: { seconds: 3600n } });
        await sql`insert into api_key_token_use (token_id, last_used_at)
          select id, clock_timestamp() from api_key_token where api_key_id = ${id} and ends_at is null`.execute(
          app.db,
        );
      }
    }
    expect(await names(owner, { unusedSince: inSeconds(-30 * day) })).toEqual(["idle", "never"]);
    expect(await names(owner, { unusedSince: inSeconds(-60 * day) })).toEqual(["never"]);
  });

  test("without the permission has only the caller's own matching keys", async () => {
    const owner = await app.newAccount();
    await issueKey(owner, { metadata: { name: "hers" }, spec: { kind: ApiKeyKind.DEVELOPER } });
    const member = await newMember(app, owner, await newRole(owner));
    await issueKey(member, { metadata: { name: "own" }, spec: { kind: ApiKeyKind.DEVELOPER } });
    expect(await names(member, { kind: ApiKeyKind.DEVELOPER, state: ApiKeyState.ACTIVE })).toEqual(["own"]);
    expect(await names(member, { state: ApiKeyState.REVOKED })).toEqual([]);
  });

  test("refuses a time outside the calendar, with the field", async () => {
    const owner = await app.newAccount();
    for (const field of ["expires_before", "unused_since"] as const) {
      const time = { seconds: 400_000_000_000n };
      const filter = field === "unused_since" ? { unusedSince: time } : { expiresBefore: time };
      const { code, violations } = await refusal(owner.apiKeys.listApiKeys(filter));
      expect({ code, field: violations[0]?.field }).toEqual({ code: "InvalidArgument", field });
    }
  });
});
