import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import { mintToken, type TokenKind } from "../../src/domain/kernel/token.ts";
import { createLog, lossy, scrub } from "../../src/infra/log.ts";

const kinds: TokenKind[] = ["live", "test", "svc", "dev", "ses", "emb", "inv", "otp"];
const { token } = mintToken("lk", "live", newId("key"));
const secret = "hunter2-and-more";

/** Returns the line that the log writes. */
function logged(fields: object, message = "a message"): string {
  const lines: string[] = [];
  createLog("info", { write: (line) => void lines.push(line) }).info(fields, message);
  return lines.join("");
}

test.each(kinds)("the log redacts the %s tokens of all deployments", (kind) => {
  for (const prefix of ["lk", "acme", "x1", "abcdefghij", "ps-", "abcdefghij-"]) {
    const one = mintToken(prefix, kind, newId("key")).token;
    expect(logged({ a: one, [one]: 1 }, `before ${one} after`)).not.toContain(one.slice(-30));
  }
});

class Wrapper extends Error {
  readonly detail = { token, list: [token] };
}

describe("the log redacts a token", () => {
  test.each<[name: string, fields: object, message?: string]>([
    ["in the message", {}, `the bearer ${token} was refused`],
    ["between other letters", {}, `x${token}y`],
    ["in a URL", { url: `https://api.example/v1?access=${token}&x=1` }],
    ["in an encoded URL", { url: encodeURIComponent(`https://api.example/?t=${token}`) }],
    ["deep in an object", { a: { b: { c: { d: { e: token } } } } }],
    ["in a list of lists", { a: [[token], [{ b: [token] }]] }],
    ["as a name", { [token]: { [token]: 1 } }],
    ["in an error", { err: new Error(`no such token: ${token}`) }],
    ["in an error's stack", { error: new Error(token).stack }],
    ["in the cause of an error", { err: new Error("outer", { cause: new Error(token) }) }],
    ["in a property of an error", { err: new Wrapper("x") }],
    ["in JSON in a string", { body: JSON.stringify(JSON.stringify({ token })) }],
    ["in headers", { headers: { authorization: `Bearer ${token}`, "x-other": token } }],
    ["in raw headers", { rawHeaders: ["Authorization", `Bearer ${token}`] }],
    ["in something with toJSON", { a: { toJSON: () => ({ b: token }) } }],
    ["twice", { a: `${token} ${token}`, b: `${token}${token}` }],
    ["cut short", { a: token.slice(0, -10) }],
  ])("%s", (_name, fields, message) => {
    const line = logged(fields, message);
    expect(line).not.toContain(token.slice(34, 60));
    expect(() => JSON.parse(line)).not.toThrow();
  });
});

describe("the log redacts another secret:", () => {
  test.each<[name: string, fields: object, message?: string]>([
    ["a password", { password: secret }],
    ["a password deep inside", { a: { b: { c: { d: { password: secret } } } } }],
    ["a password in a list", { users: [{ user: { password: secret } }] }],
    ["a password of another name", { newPassword: secret, password_hash: secret, PASSWORD: secret }],
    ["a token that is not ours", { token: secret, accessToken: secret, refresh_token: secret }],
    ["a token in an object of its own", { request: { message: { spec: { token: secret } } } }],
    ["a cookie", { headers: { cookie: `a=${secret}`, "set-cookie": [`a=${secret}`, `b=${secret}`] } }],
    ["an authorization header", { headers: { authorization: secret, Authorization: secret } }],
    ["several authorization headers", { headers: { authorization: [secret, secret] } }],
    ["a secret with quotes in it", { password: `"${secret}"\\` }],
    ["a password in JSON in a string", { body: JSON.stringify({ a: { password: secret } }) }],
    [
      "a password in JSON in JSON in a string",
      { body: JSON.stringify(JSON.stringify({ password: secret })) },
    ],
    ["a list of secrets with brackets in them", { cookies: ["a]", secret], tokens: [`"]`, secret] }],
    ["a bearer", {}, `Authorization: Bearer ${secret}`],
    ["a bearer in small letters", { a: `bearer   ${secret}` }],
    ["basic credentials", { a: `Basic ${Buffer.from(`u:${secret}`).toString("base64")}` }],
    ["a database URL", { url: `postgres://user:${secret}@db.example:5432/x` }],
    ["a database URL in an error", { err: new Error(`cannot reach postgresql://u:${secret}@h/x?a=b`) }],
    ["a URL without a user", { url: `redis://:${secret}@cache:6379` }],
    ["a password with an @ in it", { url: `postgres://user:${secret}@${secret}@db/x` }],
    ["a password in a query", { url: `postgres://db/x?user=u&password=${secret}&sslmode=require` }],
    ["a connection string", {}, `host=db user=u password=${secret} dbname=x`],
  ])("%s", (_name, fields, message) => {
    const line = logged(fields, message);
    expect(line).not.toContain(secret);
    expect(line).not.toContain(Buffer.from(`u:${secret}`).toString("base64"));
    expect(() => JSON.parse(line)).not.toThrow();
  });
});

test("a long line full of names is redacted within two seconds", () => {
  const start = performance.now();
  for (const name of ["token", "password_", "a".repeat(10), '"token', "x://", "x://:", "token=", 'token\\":'])
    logged({ a: name.repeat(10_000) });
  expect(performance.now() - start).toBeLessThan(2_000);
});

test("the log keeps text that is not secret", () => {
  const id = newId("key");
  const line = logged(
    {
      requestId: "r-1",
      method: "latchkey.v1.TokenService/RevokeToken",
      keyId: id,
      url: "http://127.0.0.1:8080/x",
    },
    "1 token, 2 passwords: see lk_live_ in the docs",
  );
  expect(JSON.parse(line)).toMatchObject({
    requestId: "r-1",
    method: "latchkey.v1.TokenService/RevokeToken",
    keyId: id,
    url: "http://127.0.0.1:8080/x",
    msg: "1 token, 2 passwords: see lk_live_ in the docs",
  });
});

test("the error of a failed start contains no secret", () => {
  expect(scrub(`cannot connect to postgres://u:${secret}@h/x: refused`)).toBe(
    "cannot connect to postgres://u:[redacted]@h/x: refused",
  );
});

describe("a destination with a bounded queue", () => {
  const log = (out: Writable, maxBytes?: number) => createLog("info", lossy(out, maxBytes));

  test("drops lines while the reader is slow, and then logs how many", async () => {
    const lines: string[] = [];
    let release = () => {};
    const slow = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        release = done;
      },
    });
    const to = log(slow, 1_000);
    for (let n = 0; n < 100; n++) to.info({ n }, "a message");
    expect(slow.writableLength).toBeLessThanOrEqual(1_000);
    while (slow.writableLength > 0) {
      release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const kept = lines.length;
    to.info({}, "after");
    release();
    const told = lines.slice(kept).map((line) => JSON.parse(line));
    expect(told[0]).toMatchObject({ level: 40, dropped: 100 - kept });
  });

  test("keeps working after the reader has ended", async () => {
    const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error("write EPIPE")) });
    const to = log(gone);
    to.info({}, "one");
    await new Promise((resolve) => gone.once("close", resolve));
    expect(() => to.info({}, "two")).not.toThrow();
  });
});
