import { get } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accepted, createFakeGuard, refusedFor } from "../support/guard/fake-guard.ts";
import { type Service, type StartService, services } from "../support/guard/services.ts";

const noToken = 'Bearer realm="latchkey"';
const wrongToken = 'Bearer realm="latchkey", error="invalid_token"';
const guard = createFakeGuard({
  reader: accepted(["prompts:read"]),
  writer: accepted(["prompts:manage"]),
  revoked: refusedFor("REVOKED_API_KEY", { metadata: { key_id: "key_1" } }),
  limited: refusedFor("RATE_LIMITED", { retryAfterMs: 4_200 }),
  spent: refusedFor("QUOTA_EXCEEDED"),
  unproven: refusedFor("UNAVAILABLE", { retryAfterMs: 1_000, source: "guard" }),
  contradiction: { ...accepted(["*"]), valid: false },
  nobody: { valid: true, reason: "VALID", message: "", metadata: {}, source: "server" },
});

const adapters = Object.entries(services);

describe.each(adapters)("the adapter of %s", (_name, start: StartService) => {
  let service: Service;
  let optional: Service;
  beforeAll(async () => {
    [service, optional] = await Promise.all([start(guard), start(guard, { optional: true })]);
  });
  afterAll(async () => {
    await Promise.all([service.close(), optional.close()]);
  });

  test("lets a valid token in, and the handler finds its principal", async () => {
    expect(await service.call("read", "Bearer reader")).toMatchObject({ status: 200, caller: "key_1" });
    expect(await service.call("read", "bearer  reader")).toMatchObject({ status: 200 });
    expect(await service.call("write", "Bearer writer")).toMatchObject({ status: 200, caller: "key_1" });
  });

  test("refuses a call without a token, also on a route without `needs`", async () => {
    const refused = { status: 401, reason: "MISSING_API_KEY", challenge: noToken };
    expect(await service.call("read")).toMatchObject(refused);
    expect(await service.call("write")).toMatchObject(refused);
  });

  test("refuses an `Authorization` that is no bearer, also where calls without a token pass", async () => {
    const refused = { status: 401, reason: "INVALID_API_KEY", challenge: wrongToken };
    for (const one of [service, optional]) {
      expect(await one.call("read", "Basic reader")).toMatchObject(refused);
      expect(await one.call("read", "Bearer reader, Bearer reader")).toMatchObject(refused);
    }
  });

  test("refuses a caller without the permission of the route", async () => {
    const metadata = { permission: "prompts:write" };
    const refused = { status: 403, reason: "PERMISSION_DENIED", metadata, challenge: null };
    expect(await service.call("write", "Bearer reader")).toMatchObject(refused);
  });

  test.each([
    [
      "revoked",
      { status: 401, reason: "REVOKED_API_KEY", challenge: wrongToken, metadata: { key_id: "key_1" } },
    ],
    ["limited", { status: 429, reason: "RATE_LIMITED", retryAfter: "5", challenge: null }],
    ["spent", { status: 429, reason: "QUOTA_EXCEEDED", retryAfter: null }],
    ["unproven", { status: 503, reason: "UNAVAILABLE", retryAfter: "1", challenge: null }],
    // A guard never returns these two. No adapter relies on that.
    ["contradiction", { status: 403 }],
    ["nobody", { status: 403 }],
  ])("refuses a token whose verdict is %s", async (token, refusal) => {
    for (const one of [service, optional])
      for (const route of ["read", "write"] as const)
        expect(await one.call(route, `Bearer ${token}`)).toMatchObject(refusal);
  });

  test("with `optional`, a call without a token passes, except on a route with `needs`", async () => {
    expect(await optional.call("read")).toMatchObject({ status: 200, caller: "anonymous" });
    expect(await optional.call("write")).toMatchObject({ status: 401, reason: "MISSING_API_KEY" });
    expect(await optional.call("read", "Bearer unknown")).toMatchObject({ status: 401 });
    expect(await optional.call("write", "Bearer writer")).toMatchObject({ status: 200, caller: "key_1" });
  });
});

test.each(["express", "fastify"])(
  "the adapter of %s refuses a call with several `Authorization` headers, whichever comes first",
  async (name) => {
    const service = await services[name]?.(guard, { optional: true });
    const statusOf = (...authorization: string[]) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = ["host", "localhost", ...authorization.flatMap((one) => ["authorization", one])];
        const request = get(`${service?.url}/read`, { headers }, (response) =>
          resolve(response.resume().statusCode),
        );
        request.once("error", reject);
      });
    try {
      expect(await statusOf("Bearer reader")).toBe(200);
      expect(await statusOf("Bearer reader", "Bearer revoked")).toBe(401);
      expect(await statusOf("Bearer revoked", "Bearer reader")).toBe(401);
      expect(await statusOf("Bearer reader", "Bearer reader")).toBe(401);
    } finally {
      await service?.close();
    }
  },
);

describe.each(adapters)("the options of the adapter of %s", (_name, start: StartService) => {
  test("the token is the one that `getToken` returns, and no other", async () => {
    const tokens = ["reader", undefined, ""];
    const other = await start(guard, { getToken: () => tokens.shift() });
    expect(await other.call("read", "Bearer unknown")).toMatchObject({ status: 200 });
    expect(await other.call("read", "Bearer reader")).toMatchObject({ reason: "MISSING_API_KEY" });
    expect(await other.call("read", "Bearer reader")).toMatchObject({ reason: "MISSING_API_KEY" });
    await other.close();
  });

  test("a call is verified once, with the requirements of the service and the address of the client", async () => {
    const requires = { workspaceId: "ws_1", permissions: ["prompts:read"] };
    const other = await start(guard, { requires, clientAddress: () => "192.0.2.1" });
    guard.verified.length = 0;
    await other.call("write", "Bearer writer");
    const requirements = { ...requires, clientAddress: "192.0.2.1" };
    expect(guard.verified).toEqual([{ token: "writer", requirements }]);
    await other.close();
  });

  test.each([
    ["nothing", () => undefined],
    ["a promise", async () => ({ permissions: ["prompts:delete"] })],
    ["a text", () => "prompts:delete"],
  ])(
    "no call passes if the service's own function returns %s in place of requirements",
    async (_, requires) => {
      for (const more of [{}, { clientAddress: () => "192.0.2.1" }]) {
        const other = await start(guard, { requires, ...more } as never);
        const answer = await other.call("read", "Bearer reader").catch(() => ({ status: 500 }));
        expect(answer.status).toBe(500);
        await other.close();
      }
    },
  );

  test("no call passes if the service's own function throws", async () => {
    const requires = () => {
      throw new Error("a bug");
    };
    const other = await start(guard, { requires });
    const answer = await other.call("read", "Bearer reader").catch(() => ({ status: 500 }));
    expect(answer.status).toBe(500);
    await other.close();
  });
});
