import { sql } from "kysely";
import { expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import type { PoolStats } from "../../src/db/connect.ts";
import { logIn } from "../support/actors/actors.ts";
import { type Clients, issueKey, newWorkspace, type Owner, password, useApp } from "../support/app.ts";
import { lockWaiters } from "../support/database/waiting.ts";
import { outcome, refusal } from "../support/errors.ts";

const app = useApp();
const all = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at));

/** The outcomes of the calls that wait for a locked row. The object keeps the transaction from waiting for the promise. */
interface Flood {
  outcomes: Promise<string[]>;
}

/** Locks rows, starts calls that need them and so fill all connections that they can get, and then runs `work`. */
async function duringFlood(
  locked: { table: "account" | "user" | "workspace" | "api_key"; ids: string[] },
  start: () => Promise<unknown>[],
  work: () => Promise<void>,
): Promise<string[]> {
  const { outcomes }: Flood = await app.db.transaction().execute(async (tx) => {
    const { table, ids } = locked;
    await sql`select from ${sql.table(table)} where id = any (${ids}) for update`.execute(tx);
    const flood = Promise.all(start().map((call) => outcome(call)));
    // Some of the calls hold connections, and the others wait for one.
    await expect.poll(() => stats().waiting, { interval: 5 }).toBeGreaterThan(0);
    await expect.poll(() => lockWaiters(app.db)).toBeGreaterThan(0);
    await work();
    return { outcomes: flood };
  });
  return outcomes;
}

function stats(): PoolStats {
  return (app.pool as typeof app.pool & { poolStats(): PoolStats }).poolStats();
}

/** Creates keys of an account that have all permissions. */
async function keysOf(owner: Owner, count: number): Promise<(Clients & { id: string; token: string })[]> {
  const keys: (Clients & { id: string; token: string })[] = [];
  for (let n = 0; n < count; n++) {
    const { id, token } = await issueKey(owner, { spec: all });
    keys.push({ ...app.clientAs(token), id, token });
  }
  return keys;
}

const rename = (by: Clients, workspaceId: string) =>
  by.workspaceAdmin.updateWorkspace({ workspaceId, metadata: { name: "renamed" } });

test("the changes of one account, by many keys and sessions, leave connections for another account", async () => {
  const [attacker, victim] = [await app.newAccount(), await app.newAccount()];
  const workspaceId = await newWorkspace(attacker);
  const victimKey = await issueKey(victim, { spec: all });
  const bearers: Clients[] = [...(await keysOf(attacker, 6)), await logIn(app, attacker.email)];
  const outcomes = await duringFlood(
    { table: "workspace", ids: [workspaceId] },
    () => bearers.flatMap((bearer) => times(5, () => rename(bearer, workspaceId))),
    async () => {
      const made = await issueKey(victim);
      await victim.apiKeys.revokeApiKey({ id: made.id });
      expect(await newWorkspace(app.clientAs(victimKey.token))).toBeTruthy();
      const { items } = await victim.apiKeys.listApiKeys({});
      expect(items.length).toBeGreaterThan(0);
    },
  );
  // The calls of the attacker are late, but they succeed.
  expect(new Set(outcomes)).toEqual(new Set(["ok"]));
});

test("public changes of one account or user leave connections for public changes of others", async () => {
  const [attacker, victim] = [await app.newAccount(), await app.newAccount()];
  const { userId } = await app.db
    .selectFrom("membership")
    .select("user_id as userId")
    .where("account_id", "=", idOf(attacker))
    .executeTakeFirstOrThrow();
  const [key] = await keysOf(attacker, 1);
  const victimKey = await issueKey(victim, { spec: all });
  const logInAs = ({ email }: Owner) => app.clientAs("").sessions.logIn({ email, password });
  const others = async () => {
    await logInAs(victim);
    await app.clientAs("").tokens.revokeToken({ token: victimKey.token });
    await issueKey(victim);
  };
  const logIns = await duringFlood(
    { table: "user", ids: [userId] },
    // A user may try ten passwords in five minutes.
    () => times(10, () => logInAs(attacker)),
    others,
  );
  const revocations = await duringFlood(
    { table: "api_key", ids: [key?.id ?? ""] },
    () => times(20, () => app.clientAs("").tokens.revokeToken({ token: key?.token ?? "" })),
    others,
  );
  expect(new Set([...logIns, ...revocations])).toEqual(new Set(["ok"]));
});

test("withdrawals go through while several accounts hold all connections that changes may have", async () => {
  const attackers = await Promise.all(times(4, () => app.newAccount()));
  const workspaceIds = await Promise.all(attackers.map((attacker) => newWorkspace(attacker)));
  const floods = await Promise.all(attackers.map((attacker) => keysOf(attacker, 3)));
  const victim = await app.newAccount();
  const { user, leaver } = { user: await logIn(app, victim.email), leaver: await app.newAccount() };
  const [revoked, disabled] = [await issueKey(victim), await issueKey(victim)];
  const suspended = await app.newAccount();
  const [workspaceId] = [await newWorkspace(victim), await newWorkspace(victim)];
  const platform = app.clientAs(app.platformToken);
  const outcomes = await duringFlood(
    { table: "workspace", ids: workspaceIds },
    () =>
      floods.flatMap((keys, at) =>
        keys.flatMap((key) => times(3, () => rename(key, workspaceIds[at] ?? ""))),
      ),
    async () => {
      // The calls of the flood end only after these.
      await Promise.all([
        victim.apiKeys.revokeApiKey({ id: revoked.id }),
        victim.apiKeys.disableApiKey({ id: disabled.id }),
        victim.workspaceAdmin.archiveWorkspace({ workspaceId }),
        user.sessions.logOut({}),
        platform.accounts.suspendAccount({ accountId: idOf(suspended) }),
        leaver.accounts.deleteAccount({ name: "Acme" }),
      ]);
    },
  );
  expect(new Set(outcomes)).toEqual(new Set(["ok"]));
});

test("a key is revoked at once while many keys of its account hold all connections of the account", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const keys = await keysOf(owner, 8);
  const [first] = keys;
  await duringFlood(
    { table: "workspace", ids: [workspaceId] },
    () => keys.flatMap((key) => times(4, () => rename(key, workspaceId))),
    async () => {
      // A change in progress may hold a lock on the first key, so this revokes another one.
      const other = keys.at(-1);
      await owner.apiKeys.revokeApiKey({ id: other?.id ?? "" });
      expect(first?.id).not.toBe(other?.id);
    },
  );
});

test("while calls of a platform key wait for a busy account, the key can change other accounts", async () => {
  const [busy, other] = [await app.newAccount(), await app.newAccount()];
  const platform = app.clientAs(app.platformToken);
  const set = (owner: Owner) =>
    platform.accounts.setEntitlements({ accountId: idOf(owner), entitlements: ["realtime"] });
  const outcomes = await duringFlood(
    { table: "account", ids: [idOf(busy)] },
    () => times(12, () => set(busy)),
    async () => {
      expect(await outcome(set(other))).toBe("ok");
    },
  );
  expect(new Set(outcomes)).toEqual(new Set(["ok"]));
});

test("the lists of one account leave connections for the calls of another account", async () => {
  const [attacker, victim] = [await app.newAccount(), await app.newAccount()];
  const platform = app.clientAs(app.platformToken);
  const outcomes = await app.db.transaction().execute(async (tx) => {
    // Every list of audit events waits for this lock, as if it were slow.
    await sql`lock table audit_event in access exclusive mode`.execute(tx);
    const flood = Promise.all(
      times(40, () => outcome(attacker.audit.listAuditEvents({ resourceType: "nope" }))),
    );
    await expect.poll(() => stats().waiting, { interval: 5 }).toBeGreaterThan(0);
    const { items } = await victim.apiKeys.listApiKeys({});
    expect(items.length).toBeGreaterThan(0);
    expect(await outcome(victim.roles.listRoles({}))).toBe("ok");
    const { account } = await platform.accounts.getAccount({});
    expect(account?.metadata?.id).toBeTruthy();
    return { flood };
  });
  expect(new Set(await outcomes.flood)).toEqual(new Set(["ok"]));
});

test("verification is answered while changes hold all connections that they can get", async () => {
  const attacker = await app.newAccount();
  const workspaceId = await newWorkspace(attacker);
  const keys = await keysOf(attacker, 4);
  const [key] = keys;
  const { tokens } = app.clientAs(app.platformToken);
  await duringFlood(
    { table: "workspace", ids: [workspaceId] },
    () => keys.flatMap((one) => times(5, () => rename(one, workspaceId))),
    async () => {
      const responses = await Promise.all(
        times(20, () => tokens.verifyToken({ token: key?.token ?? "", fresh: true })),
      );
      expect(responses.every(({ valid }) => valid)).toBe(true);
    },
  );
});

test("a change that waits too long for a lock fails because the account is busy, with a retry hint", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const refused = await app.db.transaction().execute(async (tx) => {
    await sql`select from workspace where id = ${workspaceId} for update`.execute(tx);
    const call = refusal(rename(owner, workspaceId));
    // Cancels the statement as its timeout would, but at once.
    const cancelled = async () => {
      const { rows } = await sql`
        select pg_cancel_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(app.db);
      return rows.length;
    };
    await expect.poll(cancelled).toBe(1);
    return { call: await call };
  });
  expect(refused.call).toMatchObject({ code: "ResourceExhausted", reason: "RATE_LIMITED", retry: true });
  expect(refused.call.message).toContain("the account is busy");
  expect(refused.call.message).not.toContain("database");
});
