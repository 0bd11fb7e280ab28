import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { plainErrorOf } from "../../support/http-json/compare.ts";
import type { RawRequest } from "../../support/http-json/raw.ts";
import { errorOf, inJson, openScene, versions, wrongFieldsOf } from "../../support/http-json/scene.ts";
import { useSharedApp } from "../../support/shared-app.ts";

const app = useSharedApp();
const scene = (version?: 1 | 2) => openScene(app, version);

const bodies: [name: string, body: string][] = [
  ["duplicate keys", '{"token":"x","token":"y"}'],
  ["two names of one field", '{"token":"x","accountId":"acct_1","account_id":"acct_1"}'],
  ["deep nesting", `{"token":${"[".repeat(400)}${"]".repeat(400)}}`],
  ["a wrong scalar type", '{"token":7}'],
  ["an object for a scalar", '{"token":{"a":1}}'],
  ["a huge number", '{"token":"x","cost":1e400}'],
  ["a number out of range", '{"token":"x","cost":99999999999}'],
  ["half a surrogate pair", '{"token":"\\ud800"}'],
  ["a list", "[]"],
  ["no JSON", "{"],
  ["two values", '{"token":"x"} {"token":"y"}'],
  ["an unknown field", '{"tokn":"x"}'],
  ["a prototype", '{"__proto__":{"token":"x"}}'],
];
test.each(bodies)("a body with %s gets the same error as in Connect", async (_name, body) => {
  const { owner, post, send } = await scene();
  const plain = await send({ method: "POST", path: "/v1/tokens:verify", headers: inJson, body });
  const connect = await post(TokenService.method.verifyToken, {
    token: owner.token,
    body,
  });
  if (connect.status === 200) expect([plain.status, plain.json]).toEqual([200, connect.json]);
  else expect({ status: plain.status, json: plain.json }).toEqual(plainErrorOf(connect));
  expect(plain.status).not.toBe(500);
});

test.each(versions)(
  "HTTP/%s: a body that is too large gets 413, compressed or not, and only after the bearer",
  async (version) => {
    const { send } = await scene(version);
    const large = JSON.stringify({ token: "x".repeat(100_000) });
    const verify = { method: "POST", path: "/v1/tokens:verify" };
    const requests: RawRequest[] = [
      { ...verify, headers: inJson, body: large },
      {
        ...verify,
        headers: { ...inJson, "content-encoding": "gzip" },
        body: gzipSync(Buffer.alloc(5_000_000, 32)),
      },
    ];
    for (const request of requests) {
      const answer = await send(request);
      expect([answer.status, errorOf(answer).code]).toEqual([413, "CONTENT_TOO_LARGE"]);
      const anonymous = await send({ ...request, token: "lk_live_x" });
      expect([anonymous.status, errorOf(anonymous).code]).toEqual([401, "INVALID_API_KEY"]);
    }
  },
);

test.each(versions)(
  "HTTP/%s: bodies may be compressed with gzip, in pieces, empty or absent",
  async (version) => {
    const { key, path, send } = await scene(version);
    const verify = { method: "POST", path: "/v1/tokens:verify" };
    const body = JSON.stringify({ token: key.token });
    const gzip = { ...inJson, "content-encoding": "gzip" };
    const chunked: Record<string, string> = version === 1 ? { "transfer-encoding": "chunked" } : {};
    for (const request of [
      { headers: inJson, body },
      { headers: { "content-type": 'Application/JSON; charset="UTF-8"' }, body },
      { headers: gzip, body: gzipSync(body) },
      { headers: { ...inJson, ...chunked }, body },
    ]) {
      const answer = await send({ ...verify, ...request });
      expect([answer.status, answer.json]).toMatchObject([200, { valid: true }]);
    }
    // The bytes of a compressed body are another body if they are not compressed.
    expect((await send({ ...verify, headers: inJson, body: gzipSync(body) })).status).toBe(400);
    const cut = await send({ ...verify, headers: gzip, body: gzipSync(body).subarray(0, 20) });
    expect([cut.status, errorOf(cut).message]).toEqual([400, "the body is not complete gzip data"]);
    expect((await send({ method: "POST", path: `${path}:disable` })).status).toBe(200);
    expect((await send({ method: "POST", path: `${path}:enable`, headers: inJson, body: "" })).status).toBe(
      200,
    );
    expect((await send({ method: "DELETE", path, headers: inJson, body: "{}" })).status).toBe(200);
    expect(
      wrongFieldsOf(await send({ method: "DELETE", path, headers: inJson, body: '{"id":"x"}' })),
    ).toEqual([""]);
  },
);

test.each<[type: string | undefined, encoding: string | undefined]>([
  ["application/x-www-form-urlencoded", undefined],
  [undefined, undefined],
  ["application/json; charset=latin1", undefined],
  ["application/grpc", undefined],
  ["application/proto", undefined],
  ["application/json", "br"],
])("the content type %s with the encoding %s gets 415", async (type, encoding) => {
  const { send } = await scene();
  const headers = {
    ...(type && { "content-type": type }),
    ...(encoding && { "content-encoding": encoding }),
  };
  const answer = await send({ method: "POST", path: "/v1/tokens:verify", headers, body: '{"token":"x"}' });
  expect([answer.status, errorOf(answer).code]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
  if (encoding) expect(answer.headers["accept-encoding"]).toBe("gzip");
});

test("a value in the body that differs from the path is refused, and an equal one is not", async () => {
  const { key, path, send } = await scene();
  const disable = (id: unknown) =>
    send({ method: "POST", path: `${path}:disable`, headers: inJson, body: JSON.stringify({ id }) });
  expect((await disable(key.id)).status).toBe(200);
  expect((await disable("")).status).toBe(200);
  expect((await disable(null)).status).toBe(200);
  const other = await disable("key_other");
  expect([other.status, wrongFieldsOf(other)]).toEqual([400, ["id"]]);
});

test("a PATCH without a mask changes the members of its body: null and empty values clear a field", async () => {
  const { owner, key, path, send } = await scene();
  const patch = async (body: object) =>
    send({ method: "PATCH", path, headers: inJson, body: JSON.stringify(body) });
  const spec = { description: "old", permissions: ["agents:read"], expiresAt: "2090-01-01T00:00:00Z" };
  await patch({ metadata: { labels: { env: "prod" }, externalId: "ext-1" }, spec });
  const cleared = await patch({ metadata: { labels: {}, external_id: "" }, spec: { expiresAt: null } });
  expect([cleared.status, cleared.json]).toMatchObject([
    200,
    {
      metadata: { name: "a key", labels: {}, externalId: "" },
      spec: { description: "old", permissions: ["agents:read"] },
    },
  ]);
  expect((cleared.json as { spec: object }).spec).not.toHaveProperty("expiresAt");
  // What GET returned may be sent back.
  const resource = (await send({ path })).json as { metadata: object; spec: object; etag: string };
  const { metadata, etag } = resource;
  const again = await patch({ metadata: { ...metadata, name: "renamed" }, spec: resource.spec, etag });
  expect([again.status, again.json]).toMatchObject([
    200,
    { metadata: { name: "renamed" }, spec: { description: "old" } },
  ]);
  const masked = await patch({
    updateMask: "metadata.name",
    metadata: { name: "third" },
    spec: { description: "" },
  });
  expect(masked.json).toMatchObject({ metadata: { name: "third" }, spec: { description: "old" } });
  expect((await patch({ metadata: null, spec: null })).json).toMatchObject({ metadata: { name: "third" } });
  expect((await patch({})).status).toBe(200);
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey?.spec?.permissions).toEqual(["agents:read"]);
});
