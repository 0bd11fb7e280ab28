import { type RawBuilder, sql } from "kysely";
import { expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { naming } from "../support/actors/acting.ts";
import { newDeveloperKey, newMember, newRobot, newServiceKey } from "../support/actors/actors.ts";
import { type Clients, issueKey, newWorkspace } from "../support/app.ts";
import { whileHeld } from "../support/database/waiting.ts";
import { outcome } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const all = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
const idOf = (owner: { account: { metadata?: { id: string } } }) => owner.account.metadata?.id ?? "";

/** A bearer in an account, and a change by SQL that takes its authority away without the cache. */
interface Scene {
  accountId: string;
  bearer: Clients;
  lose: RawBuilder<unknown>[];
}

type Statement = RawBuilder<unknown>;

async function withKey(lose: (id: string) => Statement): Promise<Scene> {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: all });
  return { accountId: idOf(owner), bearer: app.clientAs(key.token), lose: [lose(key.id)] };
}

async function withMember(lose: (profileId: string, accountId: string) => Statement): Promise<Scene> {
  const owner = await app.newAccount();
  const member = await newMember(app, owner, "admin");
  const bearer = app.clientAs(member.token, { "latchkey-account": idOf(owner) });
  return { accountId: idOf(owner), bearer, lose: [lose(member.profileId, idOf(owner))] };
}

async function withPlatformKey(lose: (keyId: string, accountId: string) => Statement): Promise<Scene> {
  const accountId = idOf(await app.newAccount());
  const { id, token } = await issueKey(app.clientAs(app.platformToken), { spec: all });
  return { accountId, bearer: naming(app, token, accountId), lose: [lose(id, accountId)] };
}

const demote = (id: string) => sql`
  update membership m set role_id = r.id from role r
  where m.profile_id = ${id} and r.account_id = m.account_id and r.builtin = 'viewer'`;

const losses: [what: string, reason: string, scene: () => Promise<Scene>][] = [
  [
    "a key that is revoked",
    "REVOKED_API_KEY",
    () => withKey((id) => sql`update api_key set revoked_at = clock_timestamp() where id = ${id}`),
  ],
  [
    "a key that is disabled",
    "DISABLED_API_KEY",
    () => withKey((id) => sql`update api_key set disabled_at = clock_timestamp() where id = ${id}`),
  ],
  [
    "a key that expires",
    "EXPIRED_API_KEY",
    () => withKey((id) => sql`update api_key set expires_at = clock_timestamp() where id = ${id}`),
  ],
  [
    "a token that is rotated away without grace",
    "REVOKED_API_KEY",
    () => withKey((id) => sql`update api_key_token set ends_at = clock_timestamp() where api_key_id = ${id}`),
  ],
  [
    "a token that is rotated away with grace",
    "PERMISSION_DENIED",
    () =>
      withKey(
        (id) => sql`
          update api_key_token set ends_at = clock_timestamp() + interval '1 hour' where api_key_id = ${id}`,
      ),
  ],
  [
    "a key that loses the permission of the call",
    "PERMISSION_DENIED",
    () => withKey((id) => sql`update api_key set permissions = '{agents:read}' where id = ${id}`),
  ],
  [
    "a key that loses a permission which the call passes on",
    "PERMISSION_DENIED",
    () => withKey((id) => sql`update api_key set permissions = '{api_keys:write}' where id = ${id}`),
  ],
  [
    "a key that loses the workspaces which the call passes on",
    "WORKSPACE_FORBIDDEN",
    () => withKey((id) => sql`update api_key set workspace_scope = 'selected' where id = ${id}`),
  ],
  ["a member who is demoted", "PERMISSION_DENIED", () => withMember(demote)],
  [
    "a member who is removed",
    "ACCOUNT_MISMATCH",
    () => withMember((id) => sql`delete from membership where profile_id = ${id}`),
  ],
  [
    "a member of an account that is suspended",
    "ACCOUNT_SUSPENDED",
    () =>
      withMember(
        (_, accountId) => sql`update account set suspended_at = clock_timestamp() where id = ${accountId}`,
      ),
  ],
  [
    "a session that is revoked",
    "REVOKED_SESSION",
    () =>
      withMember(
        (id) => sql`
          update session s set ended_at = clock_timestamp() from membership m
          where m.profile_id = ${id} and s.user_id = m.user_id`,
      ),
  ],
  [
    "a platform key that acts for the account and is revoked",
    "REVOKED_API_KEY",
    () => withPlatformKey((id) => sql`update api_key set revoked_at = clock_timestamp() where id = ${id}`),
  ],
  [
    "a platform key that acts for the account and loses accounts:act",
    "ACCOUNT_MISMATCH",
    () =>
      withPlatformKey((id) => sql`update api_key set permissions = '{*:manage,api_keys:*}' where id = ${id}`),
  ],
  [
    "a platform key that acts for the account and loses a permission which the call passes on",
    "PERMISSION_DENIED",
    () =>
      withPlatformKey(
        (id) => sql`update api_key set permissions = '{accounts:act,api_keys:write}' where id = ${id}`,
      ),
  ],
  [
    "a platform key that acts for an account that is suspended",
    "ACCOUNT_SUSPENDED",
    () =>
      withPlatformKey(
        (_, accountId) => sql`update account set suspended_at = clock_timestamp() where id = ${accountId}`,
      ),
  ],
  [
    "a platform key that acts for an account that is deleted",
    "ACCOUNT_SUSPENDED",
    () =>
      withPlatformKey(
        (_, accountId) =>
          sql`update account set deleted_at = clock_timestamp(), delete_at = clock_timestamp() + interval '1 day' where id = ${accountId}`,
      ),
  ],
  [
    "a service key whose team loses the permission",
    "PERMISSION_DENIED",
    async () => {
      const { owner, roleId, robot } = await newRobot(app, "*");
      const bearer = await newServiceKey(app, owner, robot.id);
      const lose = sql`update role set permissions = '{agents:read}' where id = ${roleId}`;
      return { accountId: idOf(owner), bearer, lose: [lose] };
    },
  ],
  [
    "a developer key whose user is demoted",
    "PERMISSION_DENIED",
    async () => {
      const owner = await app.newAccount();
      const member = await newMember(app, owner, "admin");
      const bearer = await newDeveloperKey(app, member);
      return { accountId: idOf(owner), bearer, lose: [demote(member.profileId)] };
    },
  ],
];

test.each(losses)(
  "if %s while its change waits, the change fails with %s and creates nothing",
  async (_, reason, scene) => {
    const { accountId, bearer, lose } = await scene();
    const mint = () => outcome(issueKey(bearer, { spec: all }));
    expect(await whileHeld(app.db, accountId, [], mint)).toBe("ok");
    const keys = await keysOf(accountId);
    expect(await whileHeld(app.db, accountId, lose, mint)).toBe(reason);
    expect(await keysOf(accountId)).toEqual(keys);
  },
);

async function keysOf(accountId: string): Promise<string[]> {
  const keys = app.db.selectFrom("api_key").select("id").where("account_id", "=", accountId);
  return (await keys.orderBy("id").execute()).map((key) => key.id);
}

test("a member who left and joined again while their change waits gets CONFLICT", async () => {
  const owner = await app.newAccount();
  const member = await newMember(app, owner, "admin");
  const bearer = app.clientAs(member.token, { "latchkey-account": idOf(owner) });
  const profileId = newId("prof");
  const comeBack = [
    sql`insert into profile (id, account_id, type, name, user_id)
      select ${profileId}, account_id, type, name, user_id from profile where id = ${member.profileId}`,
    sql`update membership set profile_id = ${profileId} where profile_id = ${member.profileId}`,
  ];
  const mint = () => outcome(issueKey(bearer, { spec: all }));
  expect(await whileHeld(app.db, idOf(owner), comeBack, mint)).toBe("CONFLICT");
  await app.app.settled();
  expect(await mint()).toBe("ok");
});

test("a change uses the workspaces that its caller may enter at the time of the change", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const member = await newMember(app, owner, "developer", [workspaceId]);
  const bearer = app.clientAs(member.token, { "latchkey-account": idOf(owner) });
  const mint = () => outcome(issueKey(bearer, { initialWorkspaceIds: [workspaceId] }));
  const lose = sql`delete from workspace_grant where profile_id = ${member.profileId}`;
  expect(await whileHeld(app.db, idOf(owner), [], mint)).toBe("ok");
  expect(await whileHeld(app.db, idOf(owner), [lose], mint)).toBe("WORKSPACE_FORBIDDEN");
});
