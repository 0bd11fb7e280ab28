import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import type { ExternalKind } from "../../src/domain/kernel/external-id.ts";
import { naming } from "../support/actors/acting.ts";
import { type Clients, issueKey, newWorkspace, type Owner, useApp } from "../support/app.ts";
import { lockBarrier } from "../support/database/lock-barrier.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();
const platform = () => app.clientAs(app.platformToken);
const field = { field: "metadata.external_id" };
const taken = (id: string) => ({
  code: "AlreadyExists",
  reason: "ALREADY_EXISTS",
  metadata: { ...field, id },
});

type Metadata = { name: string; externalId: string };
type Make = (owner: Clients, metadata: Metadata) => Promise<string | undefined>;

/** Creates a resource of each kind in an account, and returns its id. */
const make: Record<string, Make> = {
  "a key": async (owner, metadata) => (await issueKey(owner, { metadata })).id,
  "a workspace": async ({ workspaceAdmin }, metadata) =>
    (await workspaceAdmin.createWorkspace({ metadata })).workspace?.metadata?.id,
  "a team": async ({ teams }, metadata) => (await teams.createTeam({ metadata })).team?.metadata?.id,
  "a role": async ({ roles }, metadata) => (await roles.createRole({ metadata })).role?.metadata?.id,
  "a service account": async (owner, metadata) => {
    const { team } = await owner.teams.createTeam({ metadata: { name: `of ${metadata.name}` } });
    const spec = { teamId: team?.metadata?.id ?? "" };
    const { serviceAccount } = await owner.serviceAccounts.createServiceAccount({ metadata, spec });
    return serviceAccount?.metadata?.id;
  },
};
const tables: Record<string, ExternalKind> = {
  "a key": "api_key",
  "a workspace": "workspace",
  "a team": "team",
  "a role": "role",
  "a service account": "service_account",
};
type Update = (owner: Clients, id: string, metadata: Metadata) => Promise<unknown>;
const update: Record<string, Update> = {
  "a key": ({ apiKeys }, id, metadata) => apiKeys.updateApiKey({ id, metadata }),
  "a workspace": ({ workspaceAdmin }, workspaceId, metadata) =>
    workspaceAdmin.updateWorkspace({ workspaceId, metadata }),
  "a team": ({ teams }, id, metadata) => teams.updateTeam({ id, metadata }),
  "a role": ({ roles }, id, metadata) => roles.updateRole({ id, metadata }),
  "a service account": ({ serviceAccounts }, id, metadata) =>
    serviceAccounts.updateServiceAccount({ id, metadata }),
};

describe.each(Object.entries(make))("the external id of %s", (kind, create) => {
  test("is unique in its account, and the error names the first resource", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const first = (await create(owner, { name: "one", externalId: "x-1" })) ?? "";
    expect(await refusal(create(owner, { name: "two", externalId: "x-1" }))).toMatchObject(taken(first));
    const third = (await create(owner, { name: "three", externalId: "x-3" })) ?? "";
    const renamed = update[kind]?.(owner, third, { name: "three", externalId: "x-1" });
    expect(await refusal(renamed ?? Promise.resolve())).toMatchObject(taken(first));
    await update[kind]?.(owner, third, { name: "three again", externalId: "x-3" });
    expect(await create(other, { name: "one", externalId: "x-1" })).toBeDefined();
    expect(await create(owner, { name: "four", externalId: "" })).toBeDefined();
  });

  test("goes to one of two calls at the same time", async () => {
    const owner = await app.newAccount();
    const start = () => ["one", "two"].map((name) => create(owner, { name, externalId: "raced" }));
    const both = await lockBarrier(app.db, tables[kind] ?? "account", 2, async () => start());
    const results = await Promise.allSettled(both);
    const made = results.flatMap((one) => (one.status === "fulfilled" ? [one.value ?? ""] : []));
    expect(made).toHaveLength(1);
    const refused = results.findIndex((one) => one.status === "rejected");
    expect(await refusal(both[refused] ?? Promise.resolve())).toMatchObject(taken(made[0] ?? ""));
  });
});

// The database refuses a name and an external id in the same way.
test("an external id goes to one of two updates at the same time, and the error is not about the name", async () => {
  const owner = await app.newAccount();
  const kind = "a service account";
  const names = ["one", "two"];
  const ids = await Promise.all(names.map((name) => make[kind]?.(owner, { name, externalId: "" })));
  const start = () =>
    ids.map((id = "", n) => update[kind]?.(owner, id, { name: `new ${names[n]}`, externalId: "raced" }));
  const both = await lockBarrier(app.db, "service_account", 2, async () => start());
  const results = await Promise.allSettled(both);
  const refused = results.findIndex((one) => one.status === "rejected");
  expect(await refusal(both[refused] ?? Promise.resolve())).toMatchObject(taken(ids[1 - refused] ?? ""));
});

describe("an external id is free again", () => {
  test("when its key is revoked, but not when it has expired", async () => {
    const owner = await app.newAccount();
    const { id } = await issueKey(owner, { metadata: { name: "a", externalId: "k" } });
    await sql`update api_key set expires_at = now() - interval '1 hour' where id = ${id}`.execute(app.db);
    const again = () => issueKey(owner, { metadata: { name: "b", externalId: "k" } });
    expect(await refusal(again())).toMatchObject(taken(id));
    await owner.apiKeys.revokeApiKey({ id });
    await again();
  });

  test("when its workspace is archived", async () => {
    const owner = await app.newAccount();
    await newWorkspace(owner);
    const metadata = { name: "a", externalId: "w" };
    const { workspace } = await owner.workspaceAdmin.createWorkspace({ metadata });
    const workspaceId = workspace?.metadata?.id ?? "";
    expect(await refusal(owner.workspaceAdmin.createWorkspace({ metadata }))).toMatchObject(
      taken(workspaceId),
    );
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId });
    await owner.workspaceAdmin.createWorkspace({ metadata });
    await owner.workspaceAdmin.updateWorkspace({ workspaceId, spec: { description: "old" } });
  });
});

const idOf = ({ account }: Pick<Owner, "account">) => account.metadata?.id ?? "";
const open = (externalId: string) =>
  platform().accounts.openAccount({
    metadata: { name: "Opened", externalId },
    ownerEmail: `boss-${externalId}@example.com`,
  });
const named = async (externalId: string) => {
  const owner = await app.newAccount();
  await owner.accounts.updateAccount({ metadata: { name: "Acme", externalId } });
  return owner;
};

describe("the external id of an account", () => {
  test("is unique in the deployment, and only the platform learns which account has it", async () => {
    const first = await named("crm-1");
    expect(await refusal(open("crm-1"))).toMatchObject(taken(idOf(first)));
    const second = await app.newAccount();
    const metadata = { name: "Acme", externalId: "crm-1" };
    for (const attempt of [
      () => second.accounts.updateAccount({ metadata }),
      () => second.accounts.createAccount({ metadata }),
    ]) {
      const refused = await refusal(attempt());
      expect(refused).toMatchObject({ reason: "ALREADY_EXISTS", metadata: field });
      expect(JSON.stringify(refused)).not.toContain(idOf(first));
    }
    const acting = naming(app, app.platformToken, idOf(second));
    expect(await refusal(acting.accounts.updateAccount({ metadata }))).toMatchObject(taken(idOf(first)));
    await first.accounts.updateAccount({ metadata: { name: "Renamed", externalId: "crm-1" } });
  });

  test("is free while the account is deleted, and a resumed account cannot take it back", async () => {
    const first = await named("crm-2");
    await first.accounts.deleteAccount({ name: "Acme" });
    const { account } = await open("crm-2");
    const accountId = idOf(first);
    expect(await refusal(platform().accounts.resumeAccount({ accountId }))).toMatchObject(
      taken(account?.metadata?.id ?? ""),
    );
    await platform().accounts.suspendAccount({ accountId: account?.metadata?.id ?? "" });
    await platform().accounts.resumeAccount({ accountId: account?.metadata?.id ?? "" });
  });

  test.each(["suspended", "deleted"])("is cleared by the platform while the account is %s", async (how) => {
    const externalId = `squatted-${how}`;
    const squatter = await named(externalId);
    const accountId = idOf(squatter);
    if (how === "deleted") await squatter.accounts.deleteAccount({ name: "Acme" });
    else await platform().accounts.suspendAccount({ accountId });
    const acting = naming(app, app.platformToken, accountId);
    const suspended = { reason: "ACCOUNT_SUSPENDED", metadata: { account_id: accountId } };
    for (const metadata of [
      { name: "Other", externalId: "" },
      { name: "Acme", externalId: "another" },
    ]) {
      expect(await refusal(acting.accounts.updateAccount({ metadata }))).toMatchObject(suspended);
    }
    expect(await refusal(squatter.accounts.updateAccount({ metadata: { externalId: "" } }))).toMatchObject(
      suspended,
    );
    const cleared = await acting.accounts.updateAccount({
      metadata: { externalId: "" },
      updateMask: { paths: ["metadata.external_id"] },
    });
    expect(cleared.account?.metadata?.externalId).toBe("");
    const { items } = await acting.audit.listAuditEvents({ resourceId: accountId });
    expect(items[0]).toMatchObject({ via: "platform", before: { external_id: externalId } });
    await open(externalId);
    await platform().accounts.resumeAccount({ accountId });
  });

  test("goes to one of two calls at the same time", async () => {
    const both = () => Promise.allSettled([open("crm-3"), open("crm-3")]);
    const results = await lockBarrier(app.db, "account", 2, both);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });
});

describe("lists filter by external id", () => {
  test("of accounts, for a user and for the platform", async () => {
    const owner = await app.newAccount();
    const { account } = await owner.accounts.createAccount({ metadata: { name: "B", externalId: "list-1" } });
    const id = account?.metadata?.id;
    for (const list of [owner.accounts.listAccounts, platform().accounts.searchAccounts]) {
      expect((await list({ externalId: "list-1" })).items.map((one) => one.metadata?.id)).toEqual([id]);
      expect((await list({ externalId: "list-2" })).items).toEqual([]);
    }
  });

  test("of keys and workspaces, ended ones included on request, newest first", async () => {
    const owner = await app.newAccount();
    const metadata = { name: "a", externalId: "x" };
    const old = await issueKey(owner, { metadata });
    await owner.apiKeys.revokeApiKey({ id: old.id });
    const { id } = await issueKey(owner, { metadata });
    await issueKey(owner);
    const keys = async (showRevoked: boolean) =>
      (await owner.apiKeys.listApiKeys({ externalId: "x", showRevoked })).items.map(
        (one) => one.metadata?.id,
      );
    expect(await keys(false)).toEqual([id]);
    expect(await keys(true)).toEqual([id, old.id]);
    await newWorkspace(owner);
    const { workspace } = await owner.workspaceAdmin.createWorkspace({ metadata });
    for (const list of [owner.workspaces.listWorkspaces, owner.workspaceAdmin.listAccountWorkspaces]) {
      const { items } = await list({ externalId: "x" });
      expect(items.map((one) => one.metadata?.id)).toEqual([workspace?.metadata?.id]);
    }
  });

  test("in one page, however many other resources there are", async () => {
    const owner = await app.newAccount();
    const { id, createdBy } = { id: owner.account.metadata?.id ?? "", createdBy: owner.profile.metadata?.id };
    await sql`
      insert into workspace (id, account_id, name, created_by, external_id)
      select 'ws_' || lpad(n::text, 26, '0'), ${id}, 'hay', ${createdBy}, case when n = 1 then 'needle' else 'hay-' || n end
      from generate_series(1, 25000) n`.execute(app.db);
    const { items } = await owner.workspaceAdmin.listAccountWorkspaces({ externalId: "needle" });
    expect(items).toHaveLength(1);
  });
});
