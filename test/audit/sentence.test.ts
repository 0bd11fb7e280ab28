import { expect, test } from "vitest";
import { wordsOfCall } from "../../console/src/pages/audit/call-words.ts";
import { changesOf } from "../../console/src/pages/audit/changes.ts";
import { changingCalls } from "../../console/src/pages/audit/changing-calls.ts";
import { withRecordedNames } from "../../console/src/pages/audit/event.ts";
import { templateOf } from "../../console/src/pages/audit/rules.ts";
import { sentenceOfEvent, textOf } from "../../console/src/pages/audit/sentence.ts";
import { AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import { services } from "../../src/app/routes.ts";
import { newActing } from "../support/actors/acting.ts";
import { newEmail, newServiceAccount, newTeam } from "../support/actors/actors.ts";
import { embed } from "../support/actors/embed.ts";
import { type Clients, issueKey, newWorkspace, password } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { type ChangeEvent, changeEvents } from "../support/schema/events.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

interface Scene {
  owner: Clients;
  email: string;
  accountId: string;
}

async function newScene(): Promise<Scene> {
  const email = newEmail();
  const ann = { email, password, name: "Ann", accountName: "Acme" };
  const { token, account } = await app.clientAs("").sessions.signUp(ann);
  return { owner: app.clientAs(token), email, accountId: account?.metadata?.id ?? "" };
}

/** Returns the sentences of the account's events, oldest first, without the first ones. */
async function sentences(owner: Clients, after = 1): Promise<string[]> {
  await app.app.flush();
  const { items, names } = await owner.audit.listAuditEvents({ sortOrder: "asc", limit: 200 });
  const all = withRecordedNames(items.toReversed(), names);
  return items.slice(after).map((event) => textOf(sentenceOfEvent(event, all)));
}

const idOf = (made: { metadata?: { id: string } | undefined } | undefined) => made?.metadata?.id ?? "";

test("changes of keys read as sentences with names", async () => {
  const { owner } = await newScene();
  const workspaceId = await newWorkspace(owner, "Staging");
  const { id } = await issueKey(owner, {
    metadata: { name: "deploy" },
    spec: { permissions: ["agents:read"] },
  });
  await owner.apiKeys.addApiKeyWorkspace({ id, workspaceId });
  await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId });
  await owner.apiKeys.updateApiKey({ id, metadata: { name: "release" } });
  await owner.apiKeys.disableApiKey({ id });
  await owner.apiKeys.enableApiKey({ id });
  const rotated = await owner.apiKeys.rotateApiKey({ id });
  await app.clientAs("").tokens.revokeToken({ token: rotated.apiKey?.spec?.token ?? "" });
  expect(await sentences(owner)).toEqual([
    "Ann created the workspace Staging",
    "Ann created the key release",
    "Ann gave the key release access to the workspace Staging",
    "Ann took the workspace Staging from the key release",
    "Ann changed the key release",
    "Ann disabled the key release",
    "Ann enabled the key release",
    "Ann rotated the key release",
    "The holder of a token revoked the key release",
  ]);
});

test("changes of people, teams, roles and service accounts read as sentences with names", async () => {
  const { owner } = await newScene();
  const roleId = idOf((await owner.roles.createRole({ metadata: { name: "auditor" } })).role);
  const [ci, ops] = [await newTeam(owner, "ci"), await newTeam(owner, "ops")];
  const robot = await newServiceAccount(owner, "robot", ci);
  await owner.serviceAccounts.updateServiceAccount({ id: robot.id, spec: { teamId: ops } });
  const email = newEmail();
  const { invite } = await owner.invites.createInvite({ email, role: "viewer" });
  const accepted = { id: idOf(invite), token: invite?.spec?.token ?? "", name: "Bob", password };
  const { profile } = await app.clientAs("").invites.acceptInvite(accepted);
  const bob = idOf(profile);
  await owner.profiles.setProfileRole({ id: bob, role: roleId });
  await owner.teams.addTeamMember({ id: ci, profileId: bob });
  await owner.teams.removeTeamMember({ id: ci, profileId: bob });
  const [workspaceId] = [await newWorkspace(owner, "Staging"), await newWorkspace(owner, "Production")];
  await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: bob });
  await owner.workspaceAdmin.removeWorkspaceMember({ workspaceId, profileId: bob });
  await owner.workspaceAdmin.archiveWorkspace({ workspaceId });
  await owner.profiles.removeProfile({ id: bob });
  await owner.teams.deleteTeam({ id: ci });
  await owner.serviceAccounts.deleteServiceAccount({ id: robot.id });
  await owner.roles.deleteRole({ id: roleId });
  const second = await owner.invites.createInvite({ email: "new@example.com", role: "admin" });
  await owner.invites.revokeInvite({ id: idOf(second.invite) });
  expect(await sentences(owner)).toEqual([
    "Ann created the role auditor",
    "Ann created the team ci",
    "Ann created the team ops",
    "Ann created the service account robot",
    "Ann moved the service account robot to the team ops",
    `Ann invited ${email} as viewer`,
    "Bob accepted an invite as viewer",
    "Ann gave Bob the role auditor",
    "Ann added Bob to the team ci",
    "Ann removed Bob from the team ci",
    "Ann created the workspace Staging",
    "Ann created the workspace Production",
    "Ann gave Bob access to the workspace Staging",
    "Ann took the workspace Staging from Bob",
    "Ann archived the workspace Staging",
    "Ann removed Bob from the account",
    "Ann deleted the team ci",
    "Ann deleted the service account robot",
    "Ann deleted the role auditor",
    "Ann invited new@example.com as admin",
    "Ann revoked the invite of new@example.com",
  ]);
});

test("log-ins, refusals and actions of keys and of the platform read as sentences", async () => {
  const { owner, email, accountId } = await newScene();
  const key = await issueKey(owner, {
    metadata: { name: "narrow" },
    spec: { permissions: ["workspaces:write"] },
  });
  const robot = await newServiceAccount(owner, "robot", await newTeam(owner, "ci", "admin"));
  const { apiKey } = await owner.apiKeys.createApiKey({
    metadata: { name: "nightly" },
    spec: { kind: 2, serviceAccountId: robot.id },
  });
  await newWorkspace(app.clientAs(key.token), "One");
  await newWorkspace(app.clientAs(apiKey?.spec?.token ?? ""), "Two");
  const acting = await newActing(app, accountId, "workspaces:write");
  await newWorkspace(acting, "Three");
  await refusal(app.clientAs(key.token).apiKeys.revokeApiKey({ id: key.id }));
  await refusal(app.clientAs("").sessions.logIn({ email, password: "wrong password" }));
  const { token } = await app.clientAs("").sessions.logIn({ email, password });
  await app.clientAs(token).sessions.logOut({});
  const all = await sentences(owner, 5);
  expect(all.toSorted()).toEqual(
    [
      "The key narrow created the workspace One",
      "robot with the key nightly created the workspace Two",
      "The platform created the workspace Three",
      "The key narrow was not allowed to revoke a key",
      "A log-in as Ann failed",
      "Ann logged in",
      "Ann logged out",
    ].toSorted(),
  );
});

test("the changes of an event show names and what was added and removed", async () => {
  const { owner } = await newScene();
  const { role } = await owner.roles.createRole({
    metadata: { name: "r" },
    spec: { permissions: ["a:read", "b:read"] },
  });
  await owner.roles.updateRole({
    id: idOf(role),
    spec: { permissions: ["b:read", "c:run"], description: "for CI" },
  });
  const team = await newTeam(owner, "ci", "viewer");
  const { items, names } = await owner.audit.listAuditEvents({ limit: 2 });
  const [created, updated] = items;
  if (!created || !updated) throw new Error("two events are missing");
  expect(created.resourceId).toBe(team);
  expect(changesOf(updated, names)).toEqual([
    { field: "Description", after: "for CI" },
    { field: "Permissions", added: ["c:run"], removed: ["a:read"] },
  ]);
  expect(changesOf(created, names)).toEqual([
    { field: "Name", after: "ci" },
    { field: "Roles", added: ["viewer"], removed: [] },
  ]);
});

test("every call of the schema has words that begin with a verb and name no internal term", () => {
  const words = services.flatMap((service) =>
    service.methods.map(({ name }) => wordsOfCall(`${service.typeName}/${name}`)),
  );
  expect(words.length).toBeGreaterThan(60);
  const help = "add the words of the RPC to `irregular` in console/src/pages/audit/call-words.ts";
  for (const one of words) {
    expect(one, help).toMatch(/^[a-z]+( [a-zA-Z-]+)*$/);
    expect(one, help).not.toMatch(/\bapi key|profile role|global\b/);
  }
});

test("the filter of the audit page has every call that makes an event of a change", () => {
  const offered = Object.entries(changingCalls).flatMap(([service, names]) =>
    names.split(" ").map((name) => `${service}/${name}`),
  );
  const help = "add the RPC to `changingCalls` in console/src/pages/audit/changing-calls.ts, or remove it";
  expect(offered.toSorted(), help).toEqual(Object.keys(changeEvents).toSorted());
});

test("every event of a change has a sentence of its own", () => {
  const fieldsOf = (names: readonly string[] | undefined) =>
    names && Object.fromEntries(names.map((name) => [name, true]));
  const templates = Object.entries(changeEvents).flatMap(([call, events]) =>
    events.map(({ type, before, after }: ChangeEvent) => {
      const states = { before: fieldsOf(before), after: fieldsOf(after) };
      const entry = {
        resourceType: type,
        resourceId: "",
        method: "",
        outcome: AuditOutcome.DONE,
        reason: "",
        profileId: "",
      };
      return [call, templateOf({ ...entry, keyId: "", via: "", ...states }, call.split("/")[1] ?? "")];
    }),
  );
  const help = "add a rule for these events to `rules` in console/src/pages/audit/rules.ts";
  expect(
    templates.filter(([, text]) => text === "{actor} changed {resource}"),
    help,
  ).toEqual([]);
});

test("the life of an embed session reads as sentences", async () => {
  const { owner, accountId } = await newScene();
  const { token } = await embed(app, await newActing(app, accountId));
  await app.clientAs("").tokens.revokeToken({ token });
  expect(await sentences(owner)).toEqual([
    "The platform made a session for an embedded page",
    "The holder of a session for an embedded page ended it",
  ]);
});
