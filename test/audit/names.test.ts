import fc from "fast-check";
import { expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import { idsIn } from "../../src/domain/kernel/names.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("a list of events has the names of the actors, the keys, the resources and the values", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, {
    metadata: { name: "deploy" },
    spec: { permissions: ["workspaces:write"] },
  });
  const workspaceId = await newWorkspace(app.clientAs(key.token));
  await owner.apiKeys.addApiKeyWorkspace({ id: key.id, workspaceId });
  const { invite } = await owner.invites.createInvite({ email: "named@example.com", role: "viewer" });
  const roleId = invite?.spec?.role ?? "";
  const { names } = await owner.audit.listAuditEvents({});
  expect(names).toMatchObject({
    [owner.profile.metadata?.id ?? ""]: owner.profile.spec?.name,
    [key.id]: "deploy",
    [roleId]: "viewer",
    [invite?.metadata?.id ?? ""]: "named@example.com",
  });
  const { workspace } = await owner.workspaceAdmin.getWorkspace({ workspaceId });
  expect(names[workspaceId]).toBe(workspace?.metadata?.name);
});

test("a renamed resource has its current name, and a deleted one has none", async () => {
  const owner = await app.newAccount();
  const made = async (name: string) =>
    (await owner.teams.createTeam({ metadata: { name } })).team?.metadata?.id ?? "";
  const [renamed, deleted] = [await made("old"), await made("gone")];
  await owner.teams.updateTeam({ id: renamed, metadata: { name: "new" } });
  await owner.teams.deleteTeam({ id: deleted });
  const { names } = await owner.audit.listAuditEvents({});
  expect(names[renamed]).toBe("new");
  expect(names[deleted]).toBeUndefined();
});

test("names contain only the kinds of resources that the caller may read", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "reader" }, spec: { permissions: ["audit:read"] } });
  await newWorkspace(owner);
  const { items, names } = await app.clientAs(key.token).audit.listAuditEvents({});
  expect(items.length).toBeGreaterThan(0);
  expect(names).toEqual({});
  const wider = await issueKey(owner, { spec: { permissions: ["audit:read", "api_keys:read"] } });
  const listed = await app.clientAs(wider.token).audit.listAuditEvents({});
  expect(new Set(Object.keys(listed.names).map((id) => id.split("_")[0]))).toEqual(new Set(["key"]));
});

test("the name of a resource of another account is never in the list", async () => {
  const [owner, stranger] = [await app.newAccount(), await app.newAccount()];
  const foreign = await issueKey(stranger, { metadata: { name: "secret project" } });
  // The label makes the foreign id a value in an event of this account.
  await owner.workspaceAdmin.createWorkspace({ metadata: { name: "bait", externalId: foreign.id } });
  const { items, names } = await owner.audit.listAuditEvents({});
  expect(JSON.stringify(items.map(({ after }) => after))).toContain(foreign.id);
  expect(names[foreign.id]).toBeUndefined();
});

test("each id of the events is looked up once, and there are at most 2,000", () => {
  const id = fc.constantFrom("prof", "key", "ws", "team", "role").map((prefix) => newId(prefix as "prof"));
  const value = fc.oneof(id, fc.array(id), fc.string(), fc.integer(), fc.constant(null));
  const fields = fc.option(fc.dictionary(fc.string(), value));
  const event = fc.record({
    profile_id: id,
    key_id: fc.constant(""),
    resource_id: id,
    before: fields,
    after: fields,
  });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const found = [...idsIn(events)];
      expect(new Set(found).size).toBe(found.length);
      for (const { resource_id } of events) expect(found).toContain(resource_id);
    }),
    { numRuns: 50 },
  );
  const ids = Array.from({ length: 3_000 }, () => newId("ws"));
  const many = {
    profile_id: newId("prof"),
    key_id: "",
    resource_id: newId("inv"),
    before: null,
    after: { ids },
  };
  expect([...idsIn([many])]).toHaveLength(2_000);
});
