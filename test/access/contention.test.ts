import { expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { logIn, newMember } from "../support/actors/actors.ts";
import { rotate } from "../support/actors/api-key.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { outcome } from "../support/errors.ts";
import { long } from "../support/long.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const all = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
const creates = long ? 200 : 100;
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at));

async function newKey(owner: Owner): Promise<Clients & { id: string }> {
  const { id, token } = await issueKey(owner, { spec: all });
  return { ...app.clientAs(token), id };
}

/** Returns how many transactions changes have begun, retries included. */
function begun(statements: string[]): number {
  return statements.filter((statement) => statement.includes("latchkey_authority")).length;
}

async function keysMintedBy(id: string): Promise<number> {
  const minted = app.db.selectFrom("api_key").select("id").where("minted_by_key_id", "=", id);
  return (await minted.execute()).length;
}

test(`${creates} concurrent creations by one key all succeed without a retry`, async () => {
  const owner = await app.newAccount();
  const key = await newKey(owner);
  let outcomes: string[] = [];
  const statements = await app.statementsOf(async () => {
    outcomes = await Promise.all(times(creates, () => outcome(issueKey(key))));
  });
  expect(outcomes).toEqual(times(creates, () => "ok"));
  expect(begun(statements)).toBe(creates);
});

const ends: [what: string, reason: string, end: (owner: Owner, keyId: string) => Promise<unknown>][] = [
  ["key is revoked", "REVOKED_API_KEY", (owner, id) => owner.apiKeys.revokeApiKey({ id })],
  [
    "account is suspended",
    "ACCOUNT_SUSPENDED",
    ({ account }) =>
      app.clientAs(app.platformToken).accounts.suspendAccount({ accountId: account.metadata?.id ?? "" }),
  ],
];

test.each(ends)(
  `the %s before most of its ${creates} creations under way, and the others fail with %s`,
  async (_, reason, end) => {
    const owner = await app.newAccount();
    const key = await newKey(owner);
    const underWay = Promise.withResolvers<void>();
    let answered = 0;
    const outcomes = times(creates, async () => {
      const ended = await outcome(issueKey(key));
      answered += 1;
      if (answered === 5) underWay.resolve();
      return ended;
    });
    await underWay.promise;
    await end(owner, key.id);
    const minted = await keysMintedBy(key.id);
    const ended = await Promise.all(outcomes);
    expect(minted).toBeLessThan(creates / 2);
    expect(new Set(ended)).toEqual(new Set(["ok", reason]));
    expect(ended.filter((one) => one === "ok")).toHaveLength(minted);
    expect(await keysMintedBy(key.id)).toBe(minted);
  },
);

const races: [what: string, loser: string, start: () => Promise<(() => Promise<unknown>)[]>][] = [
  [
    "rotations of a key by itself",
    "PERMISSION_DENIED",
    async () => {
      const key = await newKey(await app.newAccount());
      return times(2, () => () => rotate(key, key.id, 60));
    },
  ],
  [
    "removals of two admins by each other",
    "ACCOUNT_MISMATCH",
    async () => {
      const owner = await app.newAccount();
      const headers = { "latchkey-account": owner.account.metadata?.id ?? "" };
      const [one, other] = [await newMember(app, owner, "admin"), await newMember(app, owner, "admin")];
      const remove = (by: Clients, id: string) =>
        app.clientAs(by.token, headers).profiles.removeProfile({ id });
      return [() => remove(one, other.profileId), () => remove(other, one.profileId)];
    },
  ],
  [
    "revocations of two keys by each other",
    "REVOKED_API_KEY",
    async () => {
      const owner = await app.newAccount();
      const [one, other] = [await newKey(owner), await newKey(owner)];
      const revoke = (by: Clients, { id }: { id: string }) => by.apiKeys.revokeApiKey({ id });
      return [() => revoke(one, other), () => revoke(other, one)];
    },
  ],
  [
    "sessions of a user that end all others",
    "REVOKED_SESSION",
    async () => {
      const one = await app.newAccount();
      const other = await logIn(app, one.email);
      const end = (by: Clients) => by.sessions.revokeSession({ allOthers: true });
      return [() => end(one), () => end(other)];
    },
  ],
];

test.each(races)(
  "one of two concurrent %s succeeds and the other fails with %s",
  async (_what, loser, start) => {
    for (let round = 0; round < (long ? 5 : 2); round++) {
      const calls = await start();
      let outcomes: string[] = [];
      const statements = await app.statementsOf(async () => {
        outcomes = await Promise.all(calls.map((call) => outcome(call())));
      });
      expect(outcomes.sort()).toEqual([loser, "ok"].sort());
      // No transaction was retried after a deadlock.
      expect(begun(statements)).toBe(calls.length);
    }
  },
);
