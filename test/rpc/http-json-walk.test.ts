import {
  create,
  type DescMethod,
  getOption,
  hasOption,
  type JsonObject,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { optionalUser, ruleOf } from "../../src/rpc/middleware/access.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { comparable, plainBodyOf, plainErrorOf } from "../support/http-json/compare.ts";
import { plainRequestOf } from "../support/http-json/request.ts";
import { serve } from "../support/net/http.ts";
import { sampled } from "../support/random.ts";
import { callerFor, headersFor, isByPlatform } from "../support/schema/callers.ts";
import { isRead, methods, nameOf, validRequest } from "../support/schema/requests.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

type Served = Awaited<ReturnType<typeof serve>>;
type Bearer = { token?: string; headers?: Record<string, string> };

test("every RPC has a route", () => {
  const without = methods.filter((method) => !hasOption(method, http)).map(nameOf);
  expect(without, "add `option (google.api.http)` to these RPCs, and run `npm run generate`").toEqual([]);
});

const overConnect = (served: Served, method: DescMethod, message: Message, bearer: Bearer) =>
  served.post(method, { body: toJson(method.input, message), ...bearer });
const overPlain = (served: Served, method: DescMethod, message: Message, bearer: Bearer) =>
  served.send(plainRequestOf(method, message), bearer);

function bearerFor(owner: Owner, method: DescMethod): Bearer {
  const needed = ruleOf(method).case !== "public" || optionalUser(method);
  return needed ? { token: callerFor(app, owner, method).token, headers: headersFor(owner, method) } : {};
}

async function eventsOf(requestId: string) {
  await app.app.flush();
  const events = await app.db
    .selectFrom("audit_event")
    .selectAll()
    .where("request_id", "=", requestId)
    .execute();
  const seen = events.map(
    ({ method, outcome, resource_type, before, after, count, reason, client_address }) => {
      return { method, outcome, resource_type, before, after, count, reason, client_address };
    },
  );
  return comparable(seen).toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

const rpcs = methods.map((one) => [nameOf(one), one] as const);
// A sixth of the RPCs in `npm test`, by the seed. All have the same code between plain HTTP and Connect.
const compared = sampled(rpcs, 15);
const refusing = sampled(rpcs, 15, 1);

test.each(compared)(
  "%s over plain HTTP has the answer and the audit events of Connect",
  async (_name, method) => {
    const served = await serve(app);
    async function run(call: typeof overPlain, owner: Owner, message: Message) {
      const requestId = crypto.randomUUID();
      const { token, headers } = bearerFor(owner, method);
      const bearer = { headers: { ...headers, "x-request-id": requestId }, ...(token && { token }) };
      const answer = await call(served, method, message, bearer);
      expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
      expect(answer.headers.get("x-request-id")).toBe(requestId);
      return { json: answer.json, events: await eventsOf(requestId) };
    }
    const owner = await app.newAccount();
    const message = await validRequest(app, owner, method);
    // The first read may change the time of last use that the second one returns.
    if (isRead(method)) await run(overConnect, owner, message);
    const connect = await run(overConnect, owner, message);
    // A change happens in a second account, which is made in the same way.
    const other = isRead(method) ? owner : await app.newAccount();
    const again = isRead(method) ? message : await validRequest(app, other, method);
    const plain = await run(overPlain, other, again);
    expect(comparable(plain.json)).toEqual(comparable(plainBodyOf(method, connect.json as JsonObject)));
    expect(plain.events).toEqual(connect.events);
  },
);

// The account of calls that fail. A call that succeeds may have changed it, and a request to the platform may suspend it. Then
// the next method gets another one.
let failing: { owner: Owner; weak: string } | undefined;
async function failingAccount() {
  if (failing) return failing;
  const owner = await app.newAccount();
  failing = { owner, weak: (await issueKey(owner, { spec: { permissions: [] } })).token };
  return failing;
}

test.each(refusing)("%s over plain HTTP has the errors of Connect", async (_name, method) => {
  const served = await serve(app);
  const { owner, weak } = await failingAccount();
  if (isByPlatform(method)) failing = undefined;
  const message = await validRequest(app, owner, method);
  const { token } = bearerFor(owner, method);
  const cases: [what: string, message: Message, bearer: Bearer][] = [
    ["no bearer", message, {}],
    ["an unknown bearer", message, { token: "lk_live_x" }],
    ["a bearer without permissions", message, { token: weak }],
    ["a foreign account", message, { token: token ?? "", headers: { "latchkey-account": "acct_none" } }],
    ["fields that break the schema", broken(method, message), token === undefined ? {} : { token }],
  ];
  for (const [what, sent, bearer] of cases) {
    // A public call ignores the bearer, and would succeed.
    if (ruleOf(method).case === "public" && sent === message) continue;
    const connect = await overConnect(served, method, sent, bearer);
    const { status, json } = await overPlain(served, method, sent, bearer);
    if (connect.status === 200) {
      failing = undefined;
      continue;
    }
    expect({ status, json }, what).toEqual(plainErrorOf(connect));
  }
});

test.each(rpcs)(
  "%s over plain HTTP answers OPTIONS, and refuses a wrong method, an unknown field and a token in its URL",
  async (_name, method) => {
    const served = await serve(app);
    const bearer = bearerFor((await failingAccount()).owner, method);
    const message = create(method.input);
    const { path: template, ...plain } = plainRequestOf(method, filled(method, message));
    const [path = ""] = template.split("?");
    const options = await served.send({ method: "OPTIONS", path });
    expect([options.status, options.headers.get("allow")?.split(", ")]).toEqual([
      204,
      expect.arrayContaining([plain.method, "OPTIONS"]),
    ]);
    const wrong = await served.send({ method: "PROPFIND", path }, bearer);
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, options.headers.get("allow")]);
    const inQuery = await served.send({ ...plain, path: `${path}?nothing=1` }, bearer);
    expect([inQuery.status, fieldsIn(inQuery.json)]).toEqual([400, ["nothing"]]);
    const secret = await served.send({ ...plain, path: `${path}?access_token=abc` }, bearer);
    expect([secret.status, secret.text]).toEqual([400, expect.stringContaining("never be in a URL")]);
    if (getOption(method, http).body !== "*") return;
    const inBody = await served.send({ ...plain, path, body: '{"nothing":1}' }, bearer);
    expect([inBody.status, fieldsIn(inBody.json)]).toEqual([400, ["nothing"]]);
  },
);

function fieldsIn(json: Record<string, unknown>): string[] {
  const { error } = json as { error?: { details?: { fields?: { field: string }[] } } };
  return error?.details?.fields?.map(({ field }) => field) ?? [];
}

/** A message whose texts all have a character that no id may have. */
function broken(method: DescMethod, message: Message): Message {
  const copy = structuredClone(message);
  for (const { localName, fieldKind, scalar } of method.input.fields) {
    if (fieldKind === "scalar" && typeof Reflect.get(copy, localName) === "string" && scalar !== undefined) {
      Reflect.set(copy, localName, "a b\u0007");
    }
  }
  return copy;
}

/** A message with an id in each field of the path. */
function filled(method: DescMethod, message: Message): Message {
  for (const field of method.input.fields) {
    if (field.fieldKind === "scalar" && typeof Reflect.get(message, field.localName) === "string")
      Reflect.set(message, field.localName, field.name === "id" || field.name.endsWith("_id") ? "x_1" : "");
  }
  return message;
}
