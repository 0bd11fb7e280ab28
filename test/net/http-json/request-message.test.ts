import {
  type DescMessage,
  type DescMethodUnary,
  equals,
  fromJson,
  fromJsonString,
  type JsonObject,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { AuditService } from "../../../gen/latchkey/v1/audit_service_pb.ts";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { httpErrorOf } from "../../../src/net/http-json/error-body.ts";
import { fieldsOf } from "../../../src/net/http-json/field-path.ts";
import { bindPath, bindQuery, parseQuery } from "../../../src/net/http-json/query.ts";
import { requestMessage } from "../../../src/net/http-json/request-message.ts";
import { type Route, routesOf } from "../../../src/net/http-json/route.ts";
import { parseTemplate } from "../../../src/net/http-json/template.ts";
import { createFind } from "../../../src/net/http-json/trie.ts";
import { changeableBy } from "../../../src/rpc/changeable.ts";
import { messages } from "../../support/http-json/arbitrary.ts";
import { parametersOf, plainRequestOf } from "../../support/http-json/request.ts";
import { methods } from "../../support/schema/requests.ts";

const { updateApiKey, rotateApiKey, revokeApiKeys } = ApiKeyService.method;
const { verifyToken, batchVerifyTokens } = TokenService.method;

/** A route of our own, so that the tests cover more than the routes of the schema. */
function routeOf(method: DescMethodUnary, template = "/x", body?: string): Route {
  const parsed = parseTemplate(template);
  const pathFields = parsed.variables.map(({ fieldPath }) => fieldsOf(method.input, fieldPath) ?? []);
  const field = method.input.fields.find(({ name }) => name === body);
  return { method, httpMethod: "POST", template: parsed, pathFields, body: field ?? "none", isPlain: false };
}

const parser = ({ input }: DescMethodUnary) => ({
  check() {},
  parseError: () => new ConnectError("not parsed"),
  parse: async (body: Uint8Array) => fromJsonString(input, Buffer.from(body).toString()),
});

async function read(route: Route, url: string, body = ""): Promise<Message> {
  const [path = "", query = ""] = url.split("?");
  const { parse, ...rest } = parser(route.method);
  const parts = {
    route,
    path: bindPath(route, path.slice(1).split("/")),
    query: bindQuery(route, parseQuery(query)),
    body: Buffer.from(body),
  };
  const changeable = changeableBy(route.method.input);
  return requestMessage({ method: route.method, changeable, ...rest }, parts, { jsonOptions: {} }, parse);
}

test.each<[method: DescMethodUnary, query: string, message: JsonObject]>([
  [verifyToken, "", {}],
  [verifyToken, "&&", {}],
  [verifyToken, "accountId=acct_1", { accountId: "acct_1" }],
  [verifyToken, "account_id=acct_1", { accountId: "acct_1" }],
  [verifyToken, "requiredPermissions=a:b&required_permissions=c:d", { requiredPermissions: ["a:b", "c:d"] }],
  [verifyToken, "environment=ENVIRONMENT_LIVE", { environment: "ENVIRONMENT_LIVE" }],
  [verifyToken, "environment=2", { environment: "ENVIRONMENT_LIVE" }],
  [verifyToken, "cost=0", { cost: 0 }],
  [verifyToken, "cost=12&dryRun=true&fresh=false", { cost: 12, dryRun: true }],
  [revokeApiKeys, "filter.labels=env%3Dprod%2Cteam%3Da+b", { filter: { labels: "env=prod,team=a b" } }],
  [
    revokeApiKeys,
    "filter.labels=a&filter.createdBy=b&limit=3",
    { filter: { labels: "a", createdBy: "b" }, limit: 3 },
  ],
  [rotateApiKey, "id=key_1&grace_period=3600s", { id: "key_1", gracePeriod: "3600s" }],
  [
    updateApiKey,
    "update_mask=metadata.external_id,spec.expires_at",
    { updateMask: "metadata.externalId,spec.expiresAt" },
  ],
  [updateApiKey, "updateMask=metadata.externalId", { updateMask: "metadata.externalId" }],
  [updateApiKey, "spec.expiresAt=2030-01-31T12:00:00Z", { spec: { expiresAt: "2030-01-31T12:00:00Z" } }],
  [
    updateApiKey,
    "spec.permissions=a:b&spec.permissions=c:d&spec.description=",
    { spec: { permissions: ["a:b", "c:d"] } },
  ],
  [
    AuditService.method.listAuditEvents,
    "start_time=2030-01-31T12%3A00%3A00%2B01%3A00",
    { startTime: "2030-01-31T11:00:00Z" },
  ],
])("%s with the query %j is read", async (method, query, message) => {
  expect(toJson(method.input, await read(routeOf(method), `/x?${query}`))).toEqual(message);
});

test.each<[method: DescMethodUnary, query: string, wrong: string]>([
  [verifyToken, "nothing=1", "nothing: unknown query parameter"],
  [verifyToken, "=1", ": unknown query parameter"],
  [verifyToken, "accountId.x=1", "accountId.x: unknown query parameter"],
  [verifyToken, "accountId=1&account_id=1", "accountId: expected one value"],
  [verifyToken, "__proto__.token=1", "__proto__.token: unknown query parameter"],
  [batchVerifyTokens, "requests=1", "requests: a message or a map cannot"],
  [batchVerifyTokens, "requests.token=1", "requests.token: unknown query parameter"],
  [updateApiKey, "metadata.labels=1", "metadata.labels: a message or a map cannot"],
  [updateApiKey, "metadata.labels.env=1", "metadata.labels.env: unknown query parameter"],
  [updateApiKey, "spec=1", "spec: a message or a map cannot"],
  [updateApiKey, "spec.expiresAt.seconds=1", "spec.expiresAt.seconds: unknown query parameter"],
  [verifyToken, "dryRun=1", "not parsed"],
  [verifyToken, "cost=", "not parsed"],
  [verifyToken, "cost=+1", "not parsed"],
  [verifyToken, "environment=LIVE", "not parsed"],
  [rotateApiKey, "gracePeriod=1h", "not parsed"],
  [updateApiKey, "spec.expiresAt=tomorrow", "not parsed"],
])("%s with the query %j is refused", async (method, query, wrong) => {
  await expect(read(routeOf(method), `/x?${query}`)).rejects.toThrow(wrong);
});

test.each<[template: string, path: string, id: string]>([
  ["/x/{id}", "/x/a%2Fb%20c+d", "a/b c+d"],
  ["/x/{id}", "/x/%252F", "%2F"],
  ["/x/{id=a/*}", "/x/a/b%2Fc%20d", "a/b%2Fc d"],
  ["/x/{id=**}", "/x/a/b%2fc/%25", "a/b%2fc/%"],
  ["/x/{id=**}", "/x/a", "a"],
])("the template %s binds the path %s", async (template, path, id) => {
  expect(await read(routeOf(rotateApiKey, template), path)).toMatchObject({ id });
});

test("a field of the path is refused in the query, and so is one that is the body", async () => {
  await expect(read(routeOf(rotateApiKey, "/x/{id}"), "/x/a?id=a")).rejects.toThrow(
    "id: the path already has this field",
  );
  const withBody = routeOf(updateApiKey, "/x/{id}", "metadata");
  await expect(read(withBody, "/x/a?metadata.name=b", "{}")).rejects.toThrow(
    "metadata.name: this field is the body",
  );
});

test("a route whose body is one field takes the others from the query, and nothing else from the body", async () => {
  const route = routeOf(updateApiKey, "/x/{id}", "metadata");
  expect(await read(route, "/x/a?etag=7", '{"name":"b"}')).toMatchObject({
    id: "a",
    etag: "7",
    metadata: { name: "b" },
  });
  await expect(read(route, "/x/a", '{},"etag":"7"')).rejects.toThrow("metadata: expected JSON");
  await expect(read(route, "/x/a", '{"name":"b"}}{')).rejects.toThrow("metadata: expected JSON");
});

// Path fields are never empty, because an empty segment matches no template.
const calls = fc.constantFrom(...methods).chain((desc) => {
  const method = desc as DescMethodUnary;
  const [route] = routesOf(method);
  if (!route) throw new Error("no route");
  const required = route.pathFields.map(([field]) => field?.name ?? "");
  return fc.record({
    route: fc.constant(route),
    message: messages(method.input, "any", required),
    spelling: fc.record({ isSnake: fc.boolean(), repeatsPath: fc.boolean() }),
  });
});

test("every message comes back from its path, query and body", async () => {
  const find = createFind(
    methods.flatMap((method) =>
      routesOf(method as DescMethodUnary).map(({ httpMethod, template, ...route }) => ({
        httpMethod,
        template,
        value: route,
      })),
    ),
  );
  await fc.assert(
    fc.asyncProperty(calls, async ({ route, message, spelling }) => {
      const { method, path, body } = plainRequestOf(route.method, message, spelling);
      const [bare = ""] = path.split("?");
      expect(find(bare, method)?.entry?.value.method).toBe(route.method);
      const verb = route.template.verb === "" ? 0 : route.template.verb.length + 1;
      const [, query = ""] = path.split("?");
      const withoutVerb = bare.slice(0, bare.length - verb);
      const again = await read({ ...route, maskField: undefined }, `${withoutVerb}?${query}`, body);
      expect(toJson(route.method.input, again)).toEqual(toJson(route.method.input, message));
      expect(equals(route.method.input, again, message)).toBe(true);
    }),
  );
});

test("every message without lists of messages and maps comes back from a query alone", async () => {
  const route = routeOf(updateApiKey);
  await fc.assert(
    fc.asyncProperty(messages(updateApiKey.input as DescMessage, "any"), async (message) => {
      const json = toJson(updateApiKey.input as DescMessage, message) as {
        metadata?: JsonObject;
        spec?: JsonObject;
      };
      delete json.metadata?.labels;
      delete json.spec?.rateLimits;
      const query = new URLSearchParams(parametersOf(json as JsonObject, ""));
      const again = await read(route, `/x?${query}`);
      const plain = fromJson(updateApiKey.input, withoutEmpty(json as JsonObject));
      expect(toJson(updateApiKey.input as DescMessage, again)).toEqual(toJson(updateApiKey.input, plain));
    }),
  );
});

// A query cannot say that an object is there and empty.
function withoutEmpty(json: JsonObject): JsonObject {
  const isEmpty = (value: unknown) =>
    typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return Object.fromEntries(Object.entries(json).filter(([, value]) => !isEmpty(value)));
}

test("no query crashes the binder: it is read, or refused with the names of its parameters", async () => {
  const odd = fc.string({
    unit: fc.constantFrom("&", "=", "%", "+", ".", "2", "F", "a", "id", "limit", "spec", "_", "ü"),
    maxLength: 24,
  });
  await fc.assert(
    fc.asyncProperty(odd, async (query) => {
      try {
        await read(routeOf(updateApiKey), `/x?${query}`);
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectError);
        if (!String(error).includes("not parsed")) expect(httpErrorOf(error).details.fields).toBeDefined();
      }
    }),
  );
});
