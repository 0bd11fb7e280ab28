import { type JsonObject, type Message, toJson } from "@bufbuild/protobuf";
import { sql } from "kysely";
import { beforeAll, describe, expect, test } from "vitest";
import { optionalUser, ruleOf } from "../../src/rpc/middleware/access.ts";
import { issueKey, type Owner, password, useApp } from "../support/app.ts";
import { serve } from "../support/net/http.ts";
import { callerFor, headersFor, isByPlatform } from "../support/schema/callers.ts";
import { type ChangeEvent, changeEvents } from "../support/schema/events.ts";
import { isRead, methods, nameOf, validRequest } from "../support/schema/requests.ts";
import { changedTables, tableDigests } from "../support/stalled/tables.ts";

const app = useApp();

// No event of a change can be written for a request with such an id.
const withoutAudit = "without-audit-";
const unique = () => Math.random().toString(36).slice(2, 12);
// The owner of the account that most calls share.
let shared: Owner;
beforeAll(async () => {
  shared = await app.newAccount();
  await sql`
    alter table audit_event add constraint nothing
    check (outcome <> 'done' or not starts_with(request_id, ${sql.lit(withoutAudit)})) not valid`.execute(
    app.db,
  );
});

const allEvents = () => app.db.selectFrom("audit_event").selectAll().orderBy("id");
const idsOfEvents = async () => {
  const rows = await app.db.selectFrom("audit_event").select("id").execute();
  return rows.map(({ id }) => id);
};

// The methods whose events are in the database.
const written = new Set<(typeof methods)[number]>();

/** Calls a method over HTTP with a valid request, and returns its events and the request. */
async function eventsOf(
  owner: Owner,
  method: (typeof methods)[number],
  request?: Message,
  requestId: string = crypto.randomUUID(),
) {
  const http = await serve(app);
  const sent = request ?? (await validRequest(app, owner, method));
  const before = await idsOfEvents();
  const answer = await http.post(method, {
    body: toJson(method.input, sent) as JsonObject,
    headers: { ...headersFor(owner, method), "x-request-id": requestId },
    ...((ruleOf(method).case !== "public" || optionalUser(method)) && {
      token: callerFor(app, owner, method).token,
    }),
  });
  expect(answer.headers.get("x-request-id")).toBe(requestId);
  // A mail and its event follow the response.
  await app.app.flush();
  if (answer.status === 200) written.add(method);
  const events = await allEvents().where(sql<boolean>`id <> all(${before})`).execute();
  return { events, answer, requestId, sent };
}

// Their events are in an account that the call makes or enters.
const elsewhere = [
  "AccountService/CreateAccount",
  "AccountService/OpenAccount",
  "AccountService/InviteFirstOwner",
  "SessionService/SignUp",
  "InviteService/AcceptInvite",
];
// The owner of the account does not act: a platform key does, or the token itself.
const byAnother = (method: (typeof methods)[number]) =>
  isByPlatform(method) || nameOf(method) === "TokenService/RevokeToken";
const changes = methods.filter((method) => !isRead(method));

// It mails after its response and records that with an event of its own. So it succeeds in either case.
const later = ["SessionService/RequestPasswordReset"];
// These calls change the user, the sessions or the account itself, so each of them has its own account.
const needsOwn = /^(SessionService|AccountService|InviteService\/AcceptInvite)/;
const ownerFor = async (method: (typeof methods)[number]) =>
  needsOwn.test(nameOf(method)) ? app.newAccount() : shared;

describe.each(changes.map((one) => [nameOf(one), one] as const))("%s", (name, method) => {
  test("fails if its event cannot be written, and otherwise writes its events with actor, method, resource, both states and client address", async () => {
    const owner = await ownerFor(method);
    const sent = await validRequest(app, owner, method);
    if (!later.includes(name)) await failsWithoutEvent(owner, method, sent);
    const { events, answer, requestId } = await eventsOf(owner, method, sent);
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    const help = `add the events of ${name} to \`changeEvents\` in test/support/schema/events.ts, or correct them there`;
    expect(inOrder(events.map(fieldsOf)), help).toEqual(inOrder(changeEvents[name] ?? []));
    const listed =
      "if its event is in another account, add the RPC to `elsewhere` in test/audit/change.test.ts";
    for (const event of events) {
      expect(event).toMatchObject({
        method: `latchkey.v1.${name}`,
        outcome: "done",
        resource_id: expect.stringMatching(/^[a-z]+_[0-9a-z]{26}$/),
        request_id: requestId,
        client_address: "127.0.0.1",
        count: 1,
        reason: "",
      });
      const own = event.account_id === owner.account.metadata?.id;
      expect(own, listed).toBe(!elsewhere.includes(name));
      if (own && !byAnother(method)) expect(event.profile_id).toBe(owner.profile.metadata?.id);
      expect(await accountOf(event.profile_id)).toBe(event.account_id);
    }
  });
});

async function failsWithoutEvent(owner: Owner, method: (typeof methods)[number], sent: Message) {
  const before = await tableDigests(app.pool);
  const { answer } = await eventsOf(owner, method, sent, `${withoutAudit}${unique()}`);
  const help =
    "write the event in the transaction of the change, with `mutate`; a mail is an exception: see `later`";
  expect([answer.status, answer.json], help).toEqual([500, { code: "internal", message: "internal error" }]);
  expect(changedTables(before, await tableDigests(app.pool))).toEqual([]);
}

function fieldsOf({
  resource_type,
  before,
  after,
}: Awaited<ReturnType<typeof eventsOf>>["events"][number]): ChangeEvent {
  return {
    type: resource_type,
    ...(before && { before: Object.keys(before) }),
    ...(after && { after: Object.keys(after) }),
  };
}

// Postgres sorts the fields of an event, and several events of one moment have no order.
function inOrder(events: ChangeEvent[]): ChangeEvent[] {
  const sorted = events.map(({ before, after, ...event }) => ({
    ...event,
    ...(before && { before: before.toSorted() }),
    ...(after && { after: after.toSorted() }),
  }));
  return sorted.toSorted((a, b) => a.type.localeCompare(b.type));
}

async function accountOf(profileId: string): Promise<string> {
  const profiles = app.db.selectFrom("profile").select("account_id").where("id", "=", profileId);
  return (await profiles.executeTakeFirstOrThrow()).account_id;
}

test("a change that fails writes no event of success", async () => {
  const http = await serve(app);
  const before = await idsOfEvents();
  for (const method of changes) {
    const { token } = callerFor(app, shared, method);
    expect((await http.post(method, { token, body: { nonsense: 1 } })).status).toBe(400);
    expect((await http.post(method, { token: "garbage" })).status).toBeGreaterThanOrEqual(400);
  }
  expect(await idsOfEvents()).toEqual(before);
});

test.each(methods.filter(isRead).map((one) => [nameOf(one), one] as const))(
  "%s reads and writes no event",
  async (_name, method) => {
    const { events, answer } = await eventsOf(shared, method);
    expect(answer.status).toBe(200);
    expect(events).toEqual([]);
  },
);

test("an event has the values before and after the change", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "before", labels: { env: "test" } } });
  await owner.apiKeys.updateApiKey({ id: key.id, metadata: { name: "after", labels: { env: "test" } } });
  const { items } = await owner.audit.listAuditEvents({ resourceId: key.id, limit: 1 });
  expect(items).toMatchObject([{ before: { name: "before" }, after: { name: "after" } }]);
  expect(Object.keys(items[0]?.before ?? {})).toEqual(["name"]);
});

test("an event of a key names the key and its profile", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["workspaces:write"] } });
  await app.clientAs(key.token).workspaceAdmin.createWorkspace({ metadata: { name: "x" } });
  const { items } = await owner.audit.listAuditEvents({ keyId: key.id });
  expect(items).toMatchObject([{ keyId: key.id, profileId: key.info?.profileId, resourceType: "workspace" }]);
});

test("no event contains a token, a hash or a password", async () => {
  for (const method of methods) if (!written.has(method)) await eventsOf(await app.newAccount(), method);
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const { rows } = await sql<{ text: string }>`select e::text as text from audit_event e`.execute(app.db);
  const hashes = await sql<{ hash: string }>`
    select encode(hash, 'hex') as hash from api_key_token union select encode(hash, 'hex') from session
    union select password_hash from "user" where password_hash is not null`.execute(app.db);
  expect(rows.length).toBeGreaterThan(30);
  for (const { text } of rows) {
    expect(text).not.toMatch(/_(live|test|svc|dev|ses|emb|inv|otp)_[0-9a-z]{26}[0-9A-Za-z]{4}/);
    expect(text).not.toContain(password);
    expect(text).not.toContain(key.token.slice(31));
  }
  const all = rows.map(({ text }) => text).join("\n");
  for (const { hash } of hashes.rows) expect(all).not.toContain(hash);
});
