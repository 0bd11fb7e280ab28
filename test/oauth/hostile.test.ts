import { once } from "node:events";
import { connect } from "node:http2";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { readForm } from "../../src/net/http-json/form.ts";
import { withBasicAsBearer } from "../../src/rpc/oauth/client.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { sendForm, sendFormOverHttp2 } from "../support/net/form.ts";
import { serve } from "../support/net/http.ts";
import { connectRaw } from "../support/net/net.ts";
import { anyCharacter } from "../support/random.ts";
import { useSharedApp } from "../support/shared-app.ts";
import { openStallingClient } from "../support/stalled/client.ts";

const app = useSharedApp();
const introspect = "/v1/oauth/introspect";
const formType = "application/x-www-form-urlencoded";

async function verifierOf(owner: Owner) {
  return issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
}

test.each([
  [1, "Bearer"],
  [1, "Basic"],
  [2, "Bearer"],
  [2, "Basic"],
] as const)(
  "a caller that is revoked while its form arrives learns nothing (HTTP/%s, %s)",
  async (httpVersion, scheme) => {
    const owner = await app.newAccount();
    const [verifier, key] = [await verifierOf(owner), await issueKey(owner)];
    const client = await openStallingClient(app.app);
    onTestFinished(client.close);
    const credentials = scheme === "Bearer" ? verifier.token : btoa(`x:${verifier.token}`);
    const stalled = await client.begin({
      // The codecs of RPCs are not needed.
      protocol: {
        httpVersion,
        headers: { "content-type": formType },
        encode: () => new Uint8Array(),
        decode: () => undefined,
      },
      path: introspect,
      headers: { authorization: `${scheme} ${credentials}` },
      body: Buffer.from(`token=${key.token}`),
    });
    await owner.apiKeys.revokeApiKey({ id: verifier.id });
    const { status, body } = await stalled.finish();
    expect(status).toBe(401);
    expect(body.toString()).not.toContain("active");
  },
);

test("the form of an unauthenticated caller is not awaited", async () => {
  const { port, url } = await serve(app);
  const head = `POST ${introspect} HTTP/1.1\r\nhost: a\r\ncontent-type: ${formType}\r\ncontent-length: 1000\r\n`;
  const raw = await connectRaw(port, `${head}\r\n`);
  const [data] = (await once(raw.socket, "data")) as [Buffer];
  expect(data.toString()).toMatch(/^HTTP\/1.1 401 /);
  raw.socket.destroy();
  const session = connect(url);
  const stream = session.request({ ":method": "POST", ":path": introspect, "content-type": formType });
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  expect(headers[":status"]).toBe(401);
  session.destroy();
});

test("a request with two Authorization headers is refused", async () => {
  const { port } = await serve(app);
  const owner = await app.newAccount();
  const [verifier, key] = [await verifierOf(owner), await issueKey(owner)];
  const body = `token=${key.token}`;
  for (const path of [introspect, "/v1/oauth/revoke"]) {
    const raw = await connectRaw(
      port,
      [
        `POST ${path} HTTP/1.1`,
        "host: a",
        `content-type: ${formType}`,
        `content-length: ${body.length}`,
        `authorization: Bearer ${verifier.token}`,
        `Authorization: Basic ${btoa(`x:${key.token}`)}`,
        "connection: close",
        "",
        body,
      ].join("\r\n"),
    );
    const answer = await raw.closed;
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain("invalid_request");
  }
  const { verdict } = await app.clientAs(app.platformToken).tokens.verifyToken({ token: key.token });
  expect(verdict).toBe(Verdict.VALID);
});

describe.each([
  ["HTTP/1.1", sendForm],
  ["HTTP/2", sendFormOverHttp2],
])("over %s", (_version, send) => {
  test("a form that is larger than the bound is refused, whatever its size", async () => {
    const { url } = await serve(app);
    for (const size of [12_289, 100_000, 4_000_000]) {
      const form = `token=${"a".repeat(size)}`;
      const answer = await send(`${url}${introspect}`, { form, token: app.platformToken });
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("larger than 12288 bytes");
    }
  });

  test("a compressed form is refused by its header", async () => {
    const { url } = await serve(app);
    const form = gzipSync("token=a").toString("latin1");
    const headers = { "content-encoding": "gzip" };
    const answer = await send(`${url}${introspect}`, { form, token: app.platformToken, headers });
    expect(answer).toMatchObject({ status: 415 });
  });

  test("every answer names its request", async () => {
    const { url } = await serve(app);
    const headers = { "x-request-id": "chosen" };
    const asked = [
      { headers },
      { headers, method: "GET" },
      { headers, method: "OPTIONS" },
      { headers: { ...headers, "content-type": "text/plain" } },
      { headers, token: app.platformToken, form: { token: "x" } },
    ];
    for (const request of asked) {
      const answer = await send(`${url}${introspect}`, request);
      expect(answer.headers, JSON.stringify(request)).toMatchObject({ "x-request-id": "chosen" });
    }
    expect((await send(`${url}${introspect}?a`, { headers })).headers).toMatchObject({
      "x-request-id": "chosen",
    });
  });
});

test("a request with 100-continue is answered over both versions", async () => {
  const { url } = await serve(app);
  const session = connect(url);
  const stream = session.request({
    ":method": "POST",
    ":path": introspect,
    "content-type": formType,
    authorization: `Bearer ${app.platformToken}`,
    expect: "100-continue",
  });
  await once(stream, "continue");
  stream.end("token=x");
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  expect(headers[":status"]).toBe(200);
  session.destroy();
});

test("guesses of tokens and of credentials find nothing, and a right caller is served among them", async () => {
  const { url } = await serve(app);
  const owner = await app.newAccount();
  const [verifier, key] = [await verifierOf(owner), await issueKey(owner)];
  const guess = () => mintToken("lk", "live", newId("key")).token;
  const asVerifier = (token: string) =>
    sendForm(`${url}${introspect}`, { form: { token }, token: verifier.token });
  const flood = Array.from({ length: 100 }, (_, n) =>
    n % 2 === 0
      ? asVerifier(guess())
      : sendForm(`${url}${introspect}`, { form: { token: key.token }, basic: ["x", guess()] }),
  );
  const right = await asVerifier(key.token);
  expect(JSON.parse(right.text)).toMatchObject({ active: true });
  const answers = await Promise.all(flood);
  for (const [n, { status, text }] of answers.entries()) {
    expect(status).toBe(n % 2 === 0 ? 200 : 401);
    if (n % 2 === 0) expect(text).toBe('{"active":false}');
  }
});

test("no secret of a form or of a header reaches the log", async () => {
  const { url } = await serve(app);
  const secrets = ["lk_live_secretOfForm", "lk_live_secretOfBasic", "lk_live_secretInId"];
  const [form = "", basic = "", id = ""] = secrets;
  await sendForm(`${url}${introspect}`, { form: { token: form }, basic: [id, basic] });
  await sendForm(`${url}${introspect}`, {
    form: { token: form, token_type_hint: form },
    token: app.platformToken,
  });
  await sendForm(`${url}/v1/oauth/revoke`, { form: `token=${form}&token=${form}` });
  const count = () => app.logLines.filter((line) => /"(introspect|revoke)"/.test(line)).length;
  await expect.poll(count).toBeGreaterThanOrEqual(3);
  for (const secret of secrets) expect(app.logLines.join("")).not.toContain(secret);
});

test("HTTP Basic becomes a bearer of printable characters, or stays as it is", () => {
  const asHeader = (authorization: string) =>
    withBasicAsBearer({ has: () => true, get: () => authorization }).get("authorization");
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), fc.string({ unit: anyCharacter }), (id, secret) => {
      const encode = (text: string) => encodeURIComponent(text.toWellFormed()).replaceAll("%20", "+");
      const header = `Basic ${btoa(`${encode(id)}:${encode(secret)}`)}`;
      const expected = /^[!-~]+$/.test(secret) ? `Bearer ${secret}` : header;
      expect(asHeader(header)).toBe(expected);
    }),
  );
  fc.assert(
    fc.property(fc.base64String(), (base64) => {
      expect(asHeader(`Basic ${base64}`)).toMatch(/^(Bearer [!-~]+|Basic [A-Za-z0-9+/=]*)$/);
    }),
  );
});

test("a form is read as browsers write it, and a malformed one is refused without quoting it", () => {
  const names = fc.string({ unit: "grapheme", minLength: 1 });
  const values = fc.string({ unit: "grapheme", minLength: 1 });
  const few = fc.uniqueArray(fc.tuple(names, values), { maxLength: 32, selector: ([name]) => name });
  fc.assert(
    fc.property(few, (pairs) => {
      const read = readForm(Buffer.from(new URLSearchParams(pairs).toString()));
      expect(read).toEqual({ parameters: new Map(pairs) });
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const read = readForm(bytes);
      if ("problem" in read) expect(read.problem).toMatch(/^[ -~]+$/);
      else
        for (const [name, value] of read.parameters) expect(name.isWellFormed() && value !== "").toBe(true);
    }),
  );
});
