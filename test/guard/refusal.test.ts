import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { DomainError, type Reason } from "../../src/domain/kernel/error.ts";
import { createCheck } from "../../src/guard/gate.ts";
import { codes, refusalOf } from "../../src/guard/refusal.ts";
import { httpErrorOf } from "../../src/net/http-json/error-body.ts";
import { fromDomain, codes as serverCodes } from "../../src/rpc/middleware/errors.ts";
import { accepted, refusedFor } from "../support/guard/fake-guard.ts";
import { services } from "../support/guard/services.ts";
import { importsOf, textOf } from "../support/imports.ts";

const reasons = Object.keys(codes) as (Reason & keyof typeof codes)[];

// The server's caller can mend its own fields. The client of a service cannot mend the requirements of the service.
const ofClients = reasons.filter((reason) => reason !== "INVALID_FIELDS");

test.each(ofClients)("a refusal for %s has the code, status and challenge of the server", (reason) => {
  const metadata = { key_id: "key_1", note: "müßig" };
  const verdict = refusedFor(reason, { metadata });
  const server = httpErrorOf(fromDomain(new DomainError(reason, verdict.message, metadata)));
  const { code, status, headers, body } = refusalOf(verdict);
  expect(code).toBe(serverCodes[reason]);
  expect(status).toBe(server.status);
  expect(headers["www-authenticate"]).toBe(server.headers["www-authenticate"]);
  expect(headers["content-length"]).toBe(String(Buffer.byteLength(body)));
  const error = { code: reason, message: verdict.message, details: metadata };
  expect(JSON.parse(body)).toEqual({ success: false, error });
});

test("malformed requirements are an error of the service, and not of its client", () => {
  expect(refusalOf(refusedFor("INVALID_FIELDS"))).toMatchObject({ status: 500, code: Code.Internal });
});

test("a refusal for a reason of a newer server is 403", () => {
  for (const reason of ["NEW_REASON", "constructor", "VALID"])
    expect(refusalOf(refusedFor(reason))).toMatchObject({ status: 403, reason });
});

test("`Retry-After` is in full seconds, at least 1, and missing only if a retry is of no use", () => {
  const retryAfter = (reason: string, retryAfterMs?: number) =>
    refusalOf(refusedFor(reason, retryAfterMs === undefined ? {} : { retryAfterMs })).headers["retry-after"];
  expect(retryAfter("RATE_LIMITED", 4_001)).toBe("5");
  expect(retryAfter("RATE_LIMITED", 0)).toBe("1");
  expect(retryAfter("RATE_LIMITED")).toBe("1");
  expect(retryAfter("UNAVAILABLE")).toBe("1");
  expect(retryAfter("QUOTA_EXCEEDED", 86_400_000)).toBe("86400");
  expect(retryAfter("QUOTA_EXCEEDED")).toBeUndefined();
  expect(retryAfter("REVOKED_API_KEY")).toBeUndefined();
});

test("a refusal has the state of the rate limit, and no client that waits for `t` waits longer than `Retry-After`", () => {
  const rateLimit = { name: "burst", limit: 100, remaining: 0, resetAt: new Date(Date.now() + 60_000) };
  const { headers, trailers } = refusalOf(refusedFor("RATE_LIMITED", { rateLimit, retryAfterMs: 600 }));
  const fields = { ratelimit: '"burst";r=0;t=1', "ratelimit-policy": '"burst";q=100', "retry-after": "1" };
  expect(headers).toMatchObject(fields);
  expect(trailers).toEqual(fields);
});

test("`needs` accepts only permissions, and only behind `latchkey(guard)`", () => {
  expect(() => createCheck([])).toThrow("needs() expects at least one permission");
  expect(() => createCheck(["runs:start", "runs start"])).toThrow(
    'needs("runs start"): expected a permission',
  );
  expect(() => createCheck(["runs:start"])(undefined)).toThrow("must come after latchkey(guard)");
});

test("`needs` follows the rules of the server for permissions", () => {
  const passes = (held: string[], ...wanted: string[]) => {
    const { principal, ...verdict } = accepted(held);
    if (!principal) throw new Error("no principal");
    return createCheck(wanted)({ ...verdict, principal }) === undefined;
  };
  expect(passes(["prompts:manage"], "prompts:read")).toBe(true);
  expect(passes(["*:write"], "prompts:write", "runs:read")).toBe(true);
  expect(passes(["*"], "runs:start")).toBe(true);
  expect(passes(["*:read"], "read")).toBe(true);
  expect(passes(["prompts:read"], "prompts:write")).toBe(false);
  expect(passes(["prompts:manage"], "prompts:start")).toBe(false);
  expect(passes(["runs:start"], "runs:start", "prompts:read")).toBe(false);
  expect(passes(["*:write"], "api_keys:write")).toBe(false);
  expect(passes([], "runs:start")).toBe(false);
});

test("a route scans a long list of permissions once, because the verdicts of a cache share it", () => {
  let reads = 0;
  const list = ["runs:start", ...Array.from({ length: 16 }, (_, n) => `resource_${n}:run`)];
  const permissions = new Proxy(list, {
    get(target, name) {
      if (name !== "length") reads += 1;
      return Reflect.get(target, name);
    },
  });
  const verdict = accepted();
  if (!verdict.principal) throw new Error("no principal");
  const access = { ...verdict, principal: { ...verdict.principal, permissions } };
  const checks = { start: createCheck(["runs:start"]), stop: createCheck(["runs:start", "runs:stop"]) };
  const answers = () => [checks.start(access), checks.stop(access)?.metadata];
  expect(answers()).toEqual([undefined, { permission: "runs:stop" }]);
  const before = reads;
  expect(before).toBeGreaterThan(0);
  expect(answers()).toEqual([undefined, { permission: "runs:stop" }]);
  expect(reads).toBe(before);
});

test.each(Object.keys(services))("the adapter of %s is short and loads no framework", (name) => {
  const file = `src/guard/${name}.ts`;
  expect(textOf(file).trimEnd().split("\n").length).toBeLessThanOrEqual(40);
  const loaded = importsOf(file).filter(({ typeOnly }) => !typeOnly);
  const packages = loaded.map(({ target }) => target).filter((target) => !target.startsWith("src/"));
  expect(packages).toEqual(name === "connect" ? ["@connectrpc/connect"] : []);
});
