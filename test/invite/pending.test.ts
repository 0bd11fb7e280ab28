import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { InviteState } from "../../gen/latchkey/v1/invite_pb.ts";
import { naming, newPlatformServiceKey } from "../support/actors/acting.ts";
import {
  inviteOf,
  newDeveloperKey,
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
} from "../support/actors/actors.ts";
import { inSeconds, rotate } from "../support/actors/api-key.ts";
import { mailedToken } from "../support/actors/mailbox.ts";
import { newTwoSessions, sessionEnds, type TwoSessions } from "../support/actors/session-ends.ts";
import { type Clients, type Owner, password, useApp } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";

const app = useApp({ LATCHKEY_MAX_PENDING_INVITES_PER_ACCOUNT: "3" });
let people = 0;
const newEmail = () => `pending${++people}@example.com`;
type Token = Awaited<ReturnType<typeof inviteOf>>;
const accept = (invite: Token) =>
  app.clientAs("").invites.acceptInvite({ ...invite, name: "Guest", password });
const invitedAs = (by: Clients, role: string) => inviteOf(by, { email: newEmail(), role });

async function byServiceKey() {
  const owner = await app.newAccount();
  const teamId = await newTeam(owner, "ops", "admin");
  const maker = await newServiceKey(app, owner, (await newServiceAccount(owner, "robot", teamId)).id);
  return { owner, maker, teamId, invite: await invitedAs(maker, "admin") };
}

async function byDeveloperKey() {
  const owner = await app.newAccount();
  const admin = await newMember(app, owner, "admin");
  const maker = await newDeveloperKey(app, admin);
  return { owner, maker, invite: await invitedAs(maker, "admin") };
}

async function stateOf(owner: Owner, { id }: Token) {
  const { items } = await owner.invites.listInvites({ showAll: true });
  return items.find((invite) => invite.metadata?.id === id)?.state;
}

const makers = { "service key": byServiceKey, "developer key": byDeveloperKey };

describe.each(Object.entries(makers))("an invite by a %s", (_kind, invited) => {
  test("is permanently revoked when the key is revoked or disabled, and the list shows it", async () => {
    for (const end of ["revokeApiKey", "disableApiKey"] as const) {
      const { owner, maker, invite } = await invited();
      await owner.apiKeys[end]({ id: maker.id });
      expect(await outcome(accept(invite))).toBe("ALREADY_USED");
      expect(await stateOf(owner, invite)).toBe(InviteState.REVOKED);
      if (end === "revokeApiKey") continue;
      await owner.apiKeys.enableApiKey({ id: maker.id });
      expect(await outcome(accept(invite))).toBe("ALREADY_USED");
    }
  });

  test("ends when an operator revokes the key with SQL", async () => {
    const { owner, maker, invite } = await invited();
    await app.db
      .updateTable("api_key")
      .set({ revoked_at: sql<Date>`clock_timestamp()` })
      .where("id", "=", maker.id)
      .execute();
    expect(await outcome(accept(invite))).toBe("ALREADY_USED");
    expect(await stateOf(owner, invite)).toBe(InviteState.REVOKED);
  });

  test("is refused while the key may do less than the invite gives, or has an end", async () => {
    const { owner, maker, invite } = await invited();
    const { id } = maker;
    const updates = [
      { spec: { permissions: ["invites:write"] } },
      { spec: { permissions: ["*"], expiresAt: inSeconds(3600) } },
    ];
    for (const update of updates) {
      await owner.apiKeys.updateApiKey({ id, ...update });
      expect(await refusal(accept(invite))).toMatchObject({ reason: "PERMISSION_DENIED" });
    }
    await owner.apiKeys.updateApiKey({ id, updateMask: { paths: ["spec.expires_at"] } });
    await accept(invite);
  });

  test("is refused after the key has expired", async () => {
    const { maker, invite } = await invited();
    await app.db
      .updateTable("api_key")
      .set({ expires_at: sql<Date>`clock_timestamp()` })
      .where("id", "=", maker.id)
      .execute();
    expect(await refusal(accept(invite))).toMatchObject({ reason: "PERMISSION_DENIED" });
  });

  test("can be accepted after the key was rotated", async () => {
    const { maker, invite } = await invited();
    await rotate(maker, maker.id, 60);
    await accept(invite);
  });
});

test("an invite by a developer key is refused after the key's list is narrowed, whatever its user may do", async () => {
  const { owner, maker, invite } = await byDeveloperKey();
  await owner.apiKeys.updateApiKey({ id: maker.id, spec: { permissions: ["*:read"] } });
  expect(await refusal(accept(invite))).toMatchObject({ reason: "PERMISSION_DENIED" });
});

async function bySession() {
  const sessions = await newTwoSessions(app, await app.newAccount(), "admin");
  return { ...sessions, invite: await invitedAs(sessions.maker, "developer") };
}

test.each(Object.keys(sessionEnds))(
  "an invite is permanently revoked if the session that made it %s",
  async (name) => {
    const scene = await bySession();
    await sessionEnds[name]?.(app, scene);
    expect(await outcome(accept(scene.invite))).toBe("ALREADY_USED");
    expect(await stateOf(scene.owner, scene.invite)).toBe(InviteState.REVOKED);
  },
);

test("an invite can be accepted after the session that made it logged out or expired", async () => {
  const { maker, invite, sessionId } = await bySession();
  await maker.sessions.logOut({});
  await app.db
    .updateTable("session")
    .set({ expires_at: sql<Date>`clock_timestamp()` })
    .where("id", "=", sessionId)
    .execute();
  await accept(invite);
});

test("the invite of an account's first owner ends with the platform key that created the account", async () => {
  const platform = app.clientAs(app.platformToken);
  for (const [end, expected] of [
    [async (id: string) => void (await platform.apiKeys.revokeApiKey({ id })), "ALREADY_USED"],
    [
      async (id: string) =>
        void (await platform.apiKeys.updateApiKey({ id, spec: { permissions: ["accounts:read"] } })),
      "PERMISSION_DENIED",
    ],
    [async (id: string) => void (await rotate(platform, id)), "ok"],
  ] as const) {
    const key = await newPlatformServiceKey(app, ["accounts:write"]);
    const opened = await app
      .clientAs(key.token)
      .accounts.openAccount({ metadata: { name: "Opened" }, ownerEmail: newEmail() });
    const invite = { id: opened.invite?.metadata?.id ?? "", token: opened.invite?.spec?.token ?? "" };
    await end(key.id);
    expect(await outcome(accept(invite))).toBe(expected);
  }
});

test("a mailed proof ends when the session that requested it is revoked, but not when it logs out", async () => {
  for (const [end, expected] of [
    [
      ({ other, sessionId }: TwoSessions) => other.sessions.revokeSession({ id: sessionId }),
      "INVALID_CREDENTIALS",
    ],
    [({ maker }: TwoSessions) => maker.sessions.logOut({}), "ok"],
  ] as const) {
    const scene = await bySession();
    const email = newEmail();
    await scene.maker.sessions.changeEmail({ email, password });
    await end(scene);
    const prove = app.clientAs("").sessions.proveEmail({ token: await mailedToken(app, email) });
    expect(await outcome(prove)).toBe(expected);
  }
});

test("pending invites have a named bound", async () => {
  const owner = await app.newAccount();
  const invites: Token[] = [];
  for (let n = 0; n < 3; n++) invites.push(await invitedAs(owner, "viewer"));
  const bound = { reason: "BOUND_EXCEEDED", metadata: { bound: "pending_invites_per_account", limit: "3" } };
  expect(await refusal(invitedAs(owner, "viewer"))).toMatchObject(bound);
  await owner.invites.revokeInvite({ id: invites[0]?.id ?? "" });
  await invitedAs(owner, "viewer");
});

test("the invite of a first owner counts within the bound, without the lesser invite that it replaces", async () => {
  const platform = app.clientAs(app.platformToken);
  const { account } = await platform.accounts.openAccount({ metadata: { name: "Opened" } });
  const accountId = account?.metadata?.id ?? "";
  const email = newEmail();
  const acting = naming(app, app.platformToken, accountId);
  await inviteOf(acting, { email, role: "viewer" });
  for (let n = 0; n < 2; n++) await invitedAs(acting, "viewer");
  const other = platform.accounts.inviteFirstOwner({ accountId, email: newEmail() });
  expect(await outcome(other)).toBe("BOUND_EXCEEDED");
  await platform.accounts.inviteFirstOwner({ accountId, email });
});

test("an invite that a service key made does not end with the person who created the key", async () => {
  const owner = await app.newAccount();
  const admin = await newMember(app, owner, "admin");
  const teamId = await newTeam(owner, "ops", await newRole(owner, "all", "*"));
  const robot = await newServiceAccount(owner, "robot", teamId);
  const invite = await invitedAs(await newServiceKey(app, admin, robot.id), "viewer");
  await owner.profiles.removeProfile({ id: admin.profileId });
  await accept(invite);
});
