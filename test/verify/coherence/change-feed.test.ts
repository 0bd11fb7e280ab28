import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import {
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
} from "../../support/actors/actors.ts";
import { issueKey, newWorkspace, type Owner, useApp } from "../../support/app.ts";
import {
  alwaysTriggers,
  columnsRead,
  type Feed,
  openFeed,
  tablesInFunctions,
} from "../../support/coherence/feed.ts";

const app = useApp();
let feed: Feed;
let owner: Owner;
let accountId = "";
beforeAll(async () => {
  feed = await openFeed(app.databaseUrl, app.db);
  owner = await app.newAccount();
  accountId = owner.account.metadata?.id ?? "";
});
afterAll(() => feed.close());

// The activity of a session sends no tags: the server reads an idle session again before it rejects the token.
const activity = ["session_use"];
// A new row of these tables has an id that no cache can know, or has no effect until another table has a row too.
const unknownAtFirst = [
  "account",
  "profile",
  "workspace",
  "api_key",
  "session",
  "embed_session",
  "team",
  "service_account",
  "identity",
];

test("every column that verification reads has triggers that always fire, for TRUNCATE too", async () => {
  const columns = (await columnsRead(app.db)).filter(({ table }) => !activity.includes(table));
  expect(new Set(columns.map(({ table }) => table)).size).toBeGreaterThanOrEqual(14);
  for (const { table, column } of columns) {
    const triggers = await alwaysTriggers(app.db, table);
    const watches = (source: string) =>
      new RegExp(`select [^;]*?\\b${column}\\b[^;]*? from old_rows`).test(source);
    const help = (event: string) =>
      `verification reads ${table}.${column}: add a trigger after ${event} to your migration, like those of 0012_change_feed`;
    expect(
      triggers.some((one) => one.update && (watches(one.source) || one.columns.includes(column))),
      help("update"),
    ).toBe(true);
    expect(
      triggers.some((one) => one.delete),
      help("delete"),
    ).toBe(true);
    expect(
      triggers.some((one) => one.truncate),
      help("truncate"),
    ).toBe(true);
    const invalidates = triggers.some((one) => one.insert && one.source.includes("latchkey_invalidate"));
    expect(invalidates || unknownAtFirst.includes(table), help("insert")).toBe(true);
  }
});

test("the functions behind the views of verification read views only, so that their columns are known", async () => {
  expect(await tablesInFunctions(app.db)).toEqual([]);
});

test("a change of a key, session or account sends the tag of that key, session or account", async () => {
  const key = await issueKey(owner);
  const session = `ses_${owner.token.split("_")[2]?.slice(0, 26)}`;
  const changes: [string, string, string][] = [
    ["api_key", "permissions = '{*:read}'", key.id],
    ["api_key", "disabled_at = clock_timestamp()", key.id],
    ["api_key_token", "ends_at = clock_timestamp() + interval '1 hour'", key.id],
    ["session", "expires_at = expires_at + interval '1 hour'", session],
    ["api_key", "name = 'renamed'", key.id],
    ["api_key", "external_id = 'key-1'", key.id],
    ["api_key", `labels = '{"env":"prod"}'`, key.id],
    ["account", "entitlements = '{realtime}'", accountId],
    ["account", "external_id = 'org-1'", accountId],
    ["api_key", `rate_limits = '[{"name":"a","limit":1,"period_ms":1000,"cost":1}]'`, key.id],
    ["account", `rate_limits = '[{"name":"a","limit":1,"period_ms":1000,"cost":1}]'`, accountId],
  ];
  for (const [table, set, tag] of changes) {
    const id = sql.ref(table === "api_key_token" ? "api_key_id" : "id");
    const change = () =>
      sql`update ${sql.table(table)} set ${sql.raw(set)} where ${id} = ${tag}`.execute(app.db);
    expect(await feed.tagsOf(change), `${table}: ${set}`).toEqual([tag]);
    // The same statement again changes nothing, except the statements that contain the current time.
    if (!set.includes("clock") && !set.includes("interval")) expect(await feed.tagsOf(change)).toEqual([]);
  }
});

test("a change of a column that verification does not read sends no tags", async () => {
  const { id } = await issueKey(owner);
  const unrelated = [
    sql`update api_key set description = 'x', changed_at = clock_timestamp(), version = 9 where id = ${id}`,
    sql`update account set name = 'x' where id = ${accountId}`,
    sql`insert into api_key_token_use select id, clock_timestamp() from api_key_token where api_key_id = ${id}`,
    sql`update api_key set permissions = permissions`,
    sql`delete from api_key where false`,
  ];
  for (const statement of unrelated) expect(await feed.tagsOf(() => statement.execute(app.db))).toEqual([]);
});

test("creating a key, an account or a workspace sends no tags, because no cache can have it", async () => {
  const workspaceId = await newWorkspace(owner);
  const made = async () => {
    await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    await app.newAccount();
    await newWorkspace(owner, "another");
  };
  expect(await feed.tagsOf(made)).toEqual([]);
});

test("additions to an existing key, user or team send tags", async () => {
  const key = await issueKey(owner);
  const workspaceId = await newWorkspace(owner, "later");
  expect(await feed.tagsOf(() => owner.apiKeys.rotateApiKey({ id: key.id }))).toEqual([key.id]);
  expect(await feed.tagsOf(() => owner.apiKeys.addApiKeyWorkspace({ id: key.id, workspaceId }))).toEqual([
    key.id,
  ]);
  const user = await app.newAccount();
  const joins = await feed.tagsOf(() => newMember(app, owner, "viewer"));
  expect(joins.filter((tag) => tag !== accountId)).toEqual([]);
  const second = await feed.tagsOf(() => user.accounts.createAccount({ metadata: { name: "Second" } }));
  expect(second.filter((tag) => tag.startsWith("user_"))).toHaveLength(1);
  const roleId = await newRole(owner, "sends", "agents:read");
  const teamId = await newTeam(owner, "sends");
  const update = { id: teamId, spec: { roles: [roleId] } };
  expect(new Set(await feed.tagsOf(() => owner.teams.updateTeam(update)))).toEqual(new Set([accountId]));
});

test("a new role sends the tag of its account, because external tokens may already claim it", async () => {
  expect(await feed.tagsOf(() => newRole(owner, "claimed", "agents:read"))).toEqual([accountId]);
});

test("rows that are deleted with another row send tags too", async () => {
  const teamId = await newTeam(owner, "goes", "developer");
  const deleted = await feed.tagsOf(() => owner.teams.deleteTeam({ id: teamId }));
  expect(new Set(deleted)).toEqual(new Set([accountId]));
});

test("a restore and a replica's apply, which skip ordinary triggers, send tags", async () => {
  const { id } = await issueKey(owner);
  const change = () =>
    app.db.transaction().execute(async (tx) => {
      await sql`set local session_replication_role = replica`.execute(tx);
      await sql`update api_key set permissions = '{*}' where id = ${id}`.execute(tx);
    });
  expect(await feed.tagsOf(change)).toEqual([id]);
});

test("a change of more than 200 keys sends their account, and one of more than 200 accounts, or TRUNCATE, sends *", async () => {
  const many = await app.newAccount();
  const manyId = many.account.metadata?.id ?? "";
  const { id } = await issueKey(many, { spec: { workspaceScope: WorkspaceScope.SELECTED } });
  await sql`
    with made as (
      select 'prof_' || lpad(n::text, 26, '0') as profile, 'key_' || lpad(n::text, 26, '0') as key
      from generate_series(1, 201) n
    ), profiles as (
      insert into profile (id, account_id, type, name) select profile, ${manyId}, 'api_key', 'x' from made
    )
    insert into api_key (id, account_id, profile_id, name, kind, environment, workspace_scope, permissions, created_by)
    select made.key, k.account_id, made.profile, 'x', k.kind, k.environment, k.workspace_scope, k.permissions, k.created_by
    from made, api_key k where k.id = ${id}`.execute(app.db);
  const revokeAll = sql`update api_key set revoked_at = clock_timestamp() where account_id = ${manyId} and not system`;
  expect(await feed.tagsOf(() => revokeAll.execute(app.db))).toEqual([manyId]);
  const manyAccounts = sql`
    insert into account (id, name, created_by)
    select 'acct_' || lpad(n::text, 26, '0'), 'bulk', 'prof_x' from generate_series(1, 201) n`;
  const suspendAll = () =>
    app.db.transaction().execute(async (tx) => {
      await sql`set constraints all deferred`.execute(tx);
      await manyAccounts.execute(tx);
      await sql`update account set suspended_at = clock_timestamp() where name = 'bulk'`.execute(tx);
      await sql`delete from account where name = 'bulk'`.execute(tx);
    });
  expect(new Set(await feed.tagsOf(suspendAll))).toEqual(new Set(["*"]));
  expect(await feed.tagsOf(() => sql`truncate guest`.execute(app.db))).toEqual(["*"]);
});

test("a change of limits or credits sends the keys that draw on them, and a spent credit sends nothing", async () => {
  const [root, child, other] = [await issueKey(owner), await issueKey(owner), await issueKey(owner)];
  const tie = sql`update api_key set limited_by_key_id = ${root.id} where id = ${child.id}`;
  expect(await feed.tagsOf(() => tie.execute(app.db))).toEqual([child.id]);
  const both = [root.id, child.id].sort();
  const limit = JSON.stringify([{ name: "a", limit: 1, period_ms: 1_000, cost: 1 }]);
  const credit = (id: string) =>
    sql`insert into credit (id, account_id, remaining) values (${id}, ${accountId}, 5)`;
  const steps: [ReturnType<typeof sql>, string[]][] = [
    [sql`update api_key set rate_limits = ${limit} where id = ${root.id}`, both],
    [sql`update api_key set name = 'renamed' where id = ${root.id}`, [root.id]],
    [credit(root.id), both],
    [credit(accountId), [accountId]],
    [sql`update credit set remaining = remaining - 1, changed_at = clock_timestamp()`, []],
    [sql`update credit set id = ${other.id} where id = ${accountId}`, [accountId, other.id].sort()],
    [sql`delete from credit where id = ${root.id}`, both],
    [sql`truncate credit`, ["*"]],
  ];
  for (const [statement, tags] of steps) {
    expect(await feed.tagsOf(() => statement.execute(app.db))).toEqual(tags);
  }
});

test("a change of a team's permissions sends the account, which covers its service keys", async () => {
  const roleId = await newRole(owner, "ci", "agents:read");
  const teamId = await newTeam(owner, "ci", roleId);
  const robot = await newServiceAccount(owner, "ci bot", teamId);
  await newServiceKey(app, owner, robot.id);
  const edit = { id: roleId, spec: { permissions: ["agents:write"] } };
  expect(await feed.tagsOf(() => owner.roles.updateRole(edit))).toEqual([accountId]);
});
