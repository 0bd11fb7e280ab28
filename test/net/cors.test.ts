import { cors } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { withCors } from "../../src/net/cors.ts";
import { createHealthStatus, registerHealth } from "../../src/net/standard-services/health.ts";
import { handlerOf, openTestPort } from "../support/net/net.ts";

const page = "https://console.example";
const status = createHealthStatus();
status.set("", true);
const health = handlerOf((router) => registerHealth(router, status));

async function call(origins: string[], origin: string | undefined, init: RequestInit = {}) {
  const port = await openTestPort({ handler: withCors(origins, health) });
  const headers = new Headers({ "content-type": "application/json", ...init.headers });
  if (origin !== undefined) headers.set("origin", origin);
  const answer = await fetch(`${port.url}/grpc.health.v1.Health/Check`, {
    method: "POST",
    body: "{}",
    ...init,
    headers,
  });
  const corsHeaders = [...answer.headers].filter(([name]) => name.startsWith("access-control-"));
  return {
    status: answer.status,
    vary: answer.headers.get("vary"),
    headers: Object.fromEntries(corsHeaders),
  };
}

const preflight = {
  method: "OPTIONS",
  body: null,
  headers: { "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
};

test("a page of an allowed origin may read the answer and the headers that matter", async () => {
  const answer = await call(["https://other.example", page], page);
  expect(answer).toMatchObject({
    status: 200,
    vary: "Origin",
    headers: { "access-control-allow-origin": page },
  });
  const exposed = answer.headers["access-control-expose-headers"]?.split(", ");
  expect(exposed).toEqual([...cors.exposedHeaders, "x-request-id", "www-authenticate", "retry-after"]);
});

test("a preflight of an allowed origin lists every method and header that clients use, for two hours", async () => {
  const answer = await call([page], page, preflight);
  expect(answer).toMatchObject({ status: 204, vary: "Origin" });
  expect(answer.headers).toMatchObject({
    "access-control-allow-origin": page,
    "access-control-max-age": "7200",
  });
  const methods = answer.headers["access-control-allow-methods"]?.split(", ");
  expect(methods).toEqual(expect.arrayContaining([...cors.allowedMethods, "PATCH", "DELETE"]));
  const headers = answer.headers["access-control-allow-headers"]?.split(", ");
  expect(headers).toEqual([...cors.allowedHeaders, "authorization", "latchkey-account", "x-request-id"]);
});

test.each([
  "https://evil.example",
  "http://console.example",
  "https://console.example.evil.example",
  "https://CONSOLE.example",
  "null",
])("a page of %s may read nothing", async (origin) => {
  expect(await call([page], origin)).toEqual({ status: 200, vary: "Origin", headers: {} });
  expect(await call([page], origin, preflight)).toEqual({ status: 204, vary: "Origin", headers: {} });
});

test("with * every page may read the answer, but never with credentials", async () => {
  const answer = await call([page, "*"], "https://anyone.example");
  expect(answer).toMatchObject({ vary: "Origin", headers: { "access-control-allow-origin": "*" } });
  expect(answer.headers).not.toHaveProperty("access-control-allow-credentials");
});

test("a cache learns that answers differ by origin, even from a request that names none", async () => {
  expect(await call([page], undefined)).toEqual({ status: 200, vary: "Origin", headers: {} });
});

test("without configured origins there is no trace of CORS", async () => {
  expect(await call([], page)).toEqual({ status: 200, vary: null, headers: {} });
  expect((await call([], page, preflight)).status).not.toBe(204);
});
