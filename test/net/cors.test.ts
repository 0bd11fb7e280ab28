import { cors } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { withCors } from "../../src/net/cors.ts";
import { createHealthStatus } from "../../src/net/standard-services/health.ts";
import { handlerOf, openTestPort } from "../support/net/net.ts";
import { serveHealth } from "../support/net/standard-services.ts";

const page = "https://console.example";
const status = createHealthStatus();
status.set("", true);
const health = handlerOf((router) => serveHealth(router, status));

async function call(origins: string[], origin: string | undefined, init: RequestInit = {}) {
  const port = await openTestPort({ handler: withCors(origins, health) });
  const headers = new Headers({ "content-type": "application/json", ...init.headers });
  if (origin !== undefined) headers.set("origin", origin);
  const response = await fetch(`${port.url}/grpc.health.v1.Health/Check`, {
    method: "POST",
    body: "{}",
    ...init,
    headers,
  });
  const corsHeaders = [...response.headers].filter(([name]) => name.startsWith("access-control-"));
  return {
    status: response.status,
    vary: response.headers.get("vary"),
    headers: Object.fromEntries(corsHeaders),
  };
}

const preflight = {
  method: "OPTIONS",
  body: null,
  headers: { "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
};

test("a page of an allowed origin may read the response and its exposed headers", async () => {
  const response = await call(["https://other.example", page], page);
  expect(response).toMatchObject({
    status: 200,
    vary: "Origin",
    headers: { "access-control-allow-origin": page },
  });
  const exposed = response.headers["access-control-expose-headers"]?.split(", ");
  expect(exposed).toEqual([...cors.exposedHeaders, "x-request-id", "www-authenticate", "retry-after"]);
});

test("a preflight of an allowed origin allows all methods and headers of our clients for two hours", async () => {
  const response = await call([page], page, preflight);
  expect(response).toMatchObject({ status: 204, vary: "Origin" });
  expect(response.headers).toMatchObject({
    "access-control-allow-origin": page,
    "access-control-max-age": "7200",
  });
  const methods = response.headers["access-control-allow-methods"]?.split(", ");
  expect(methods).toEqual(expect.arrayContaining([...cors.allowedMethods, "HEAD", "PUT", "PATCH", "DELETE"]));
  const headers = response.headers["access-control-allow-headers"]?.split(", ");
  expect(headers).toEqual([
    ...cors.allowedHeaders,
    "authorization",
    "latchkey-account",
    "x-api-key",
    "x-request-id",
  ]);
});

test.each([
  "https://evil.example",
  "http://console.example",
  "https://console.example.evil.example",
  "https://CONSOLE.example",
  "null",
])("a page of the origin %s may read no response", async (origin) => {
  expect(await call([page], origin)).toEqual({ status: 200, vary: "Origin", headers: {} });
  expect(await call([page], origin, preflight)).toEqual({ status: 204, vary: "Origin", headers: {} });
});

test("with the setting *, every page may read responses, but never with credentials", async () => {
  const response = await call([page, "*"], "https://anyone.example");
  expect(response).toMatchObject({ vary: "Origin", headers: { "access-control-allow-origin": "*" } });
  expect(response.headers).not.toHaveProperty("access-control-allow-credentials");
});

test("the response to a request without an origin also has `Vary: Origin`", async () => {
  expect(await call([page], undefined)).toEqual({ status: 200, vary: "Origin", headers: {} });
});

test("without configured origins, responses have no CORS headers", async () => {
  expect(await call([], page)).toEqual({ status: 200, vary: null, headers: {} });
  expect((await call([], page, preflight)).status).not.toBe(204);
});
