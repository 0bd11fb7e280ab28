import { expect, test } from "vitest";
import { newId } from "../../../src/domain/kernel/id.ts";
import { errorOf, inJson, openScene, versions, wrongFieldsOf } from "../../support/http-json/scene.ts";
import { useSharedApp } from "../../support/shared-app.ts";

const app = useSharedApp();
const scene = (version?: 1 | 2) => openScene(app, version);

test.each(versions)("HTTP/%s: organizationId names the account, on every kind of route", async (version) => {
  const { owner, key, path, send } = await scene(version);
  const first = owner.account.metadata?.id ?? "";
  const { account } = await owner.accounts.createAccount({ metadata: { name: "Second" } });
  const second = account?.metadata?.id ?? "";
  expect(errorOf(await send({ path })).code).toBe("ACCOUNT_REQUIRED");
  expect((await send({ path: `${path}?organizationId=${first}` })).status).toBe(200);
  expect((await send({ path: `${path}?organizationId=${second}` })).status).toBe(404);
  const verify = { method: "POST", headers: inJson, body: JSON.stringify({ token: key.token }) };
  for (const [id, valid] of [
    [first, true],
    [second, false],
    [first, true],
  ] as const) {
    expect((await send({ ...verify, path: `/v1/tokens:verify?organizationId=${id}` })).json).toMatchObject({
      valid,
    });
  }
  const named = (id: string) => ({ "latchkey-account": id });
  expect((await send({ path: `${path}?organizationId=${first}`, headers: named(first) })).status).toBe(200);
  const both = await send({ path: `${path}?organizationId=${first}`, headers: named(second) });
  expect([both.status, errorOf(both).message]).toEqual([400, expect.stringContaining("different accounts")]);
  const foreign = await send({ path: `${path}?organizationId=${newId("acct")}` });
  expect([foreign.status, errorOf(foreign).code]).toEqual([403, "ACCOUNT_MISMATCH"]);
  const odd = await send({ path: `${path}?organizationId=sk_secret` });
  expect([odd.status, odd.bytes.toString()]).toEqual([403, expect.not.stringContaining("sk_secret")]);
});

test("a token or a password in a URL is refused with the reason, and never logged", async () => {
  const { owner, key, path, send } = await scene();
  const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl";
  const urls = [
    ...["access_token", "api_key", "apiKey", "X-Api-Key", "token", "password"].map(
      (name) => `${path}?${name}=secret-1`,
    ),
    `${path}?query=${key.token}`,
    `${path}?query=Bearer+${owner.token}`,
    `${path}?${key.token}`,
    `${path}?state=${jwt}`,
    `/v1/tokens:verify?token=secret-1`,
    `/v1/account/api_keys/${key.token}`,
    `/v1/account/api_keys/${key.token.replaceAll("_", "%5F")}`,
    `/v1/account/api_keys?query=${key.token.replaceAll("_", "%5f")}`,
  ];
  for (const url of urls) {
    const answer = await send({ method: url.startsWith("/v1/tokens") ? "POST" : "GET", path: url });
    expect([url, answer.status, errorOf(answer).message]).toEqual([
      url,
      400,
      expect.stringContaining("never be in a URL"),
    ]);
    for (const text of [answer.bytes.toString(), app.logLines.join("\n")]) {
      for (const secret of [key.token, owner.token, "secret-1", jwt]) expect(text).not.toContain(secret);
    }
  }
  expect((await send({ path: `/v1/account/api_keys?query=the+token+of+lk_live` })).status).toBe(200);
});

const oddIds: [name: string, id: string, status: number][] = [
  ["an encoded slash", "a%2Fb", 404],
  ["two dots", "..", 404],
  ["encoded dots", "%2e%2e", 404],
  ["an encoded NUL", "a%00b", 400],
  ["an encoded space", "a%20b", 400],
  ["a plus, which is no space", "a+b", 404],
  ["a double encoding", "a%252Fb", 404],
  ["10 KB", "a".repeat(10_000), 400],
  ["half an escape", "a%2", 400],
  ["bytes that are not UTF-8", "a%ff", 400],
  ["an unknown verb", "a:nothing", 404],
  ["an encoded verb", "a%3Arotate", 404],
];
test.each(oddIds)("a path id with %s gets a clear error", async (_name, id, status) => {
  for (const version of versions) {
    const { send } = await scene(version);
    const answer = await send({ path: `/v1/account/api_keys/${id}` });
    expect([answer.status, errorOf(answer).code]).toEqual([
      status,
      status === 404 ? "NOT_FOUND" : "INVALID_ARGUMENT",
    ]);
    // A text that is longer than every field of the request is refused before it is parsed.
    if (status === 400) expect(wrongFieldsOf(answer)).toEqual([id.length > 5_000 ? "" : "id"]);
    expect(answer.bytes.length).toBeLessThan(1_000);
  }
});

const oddQueries: [query: string, fields: string[]][] = [
  ["limit=1&limit=2", ["limit"]],
  ["limit=1&limit=1", ["limit"]],
  ["sortOrder=asc&sort_order=asc", ["sortOrder"]],
  ["limit=", ["limit"]],
  ["limit=x", ["limit"]],
  ["limit=1.5", ["limit"]],
  ["limit=99999999999", ["limit"]],
  ["limit=-1", ["limit"]],
  ["include_info=yes", ["includeInfo"]],
  ["include_info", ["includeInfo"]],
  ["sort_order=up", ["sortOrder"]],
  ["nothing=1&__proto__=2", ["nothing", "__proto__"]],
  ["constructor.prototype=1", ["constructor.prototype"]],
  ["query=%zz", ["query"]],
  ["query=%ff", ["query"]],
  [`${"n".repeat(50)}=1`, ["(a long name)"]],
  ["organizationId=acct_1&organizationId=acct_1", ["organizationId"]],
];

test.each(oddQueries)("the query %j is refused by the names of its fields", async (query, fields) => {
  const { send } = await scene();
  const answer = await send({ path: `/v1/account/api_keys?${query}` });
  expect([answer.status, wrongFieldsOf(answer)]).toEqual([400, fields]);
});

test("a field of the path cannot be in the query, and a message cannot", async () => {
  const { path, send } = await scene();
  expect(wrongFieldsOf(await send({ path: `${path}/workspaces?id=key_1` }))).toEqual(["id"]);
  expect(wrongFieldsOf(await send({ path: `${path}?metadata=1` }))).toEqual(["metadata"]);
});
