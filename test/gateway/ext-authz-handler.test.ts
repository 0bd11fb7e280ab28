import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { useApp } from "../support/app.ts";
import { openFastPathServer } from "../support/fast-path/server.ts";
import { connectAsEnvoy } from "../support/gateway/envoy.ts";
import { openGateway } from "../support/gateway/forward-auth.ts";

const app = useApp();
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test("the ordinary handler gives the same answers as the fast path", async () => {
  const { key, port, verifier } = await openGateway(app);
  const { port: ordinary } = await openFastPathServer(app.pools.lookups, false);
  const requests = [
    { headers: bearer(key.token) },
    { headers: bearer(key.token), contextExtensions: { permission: "runs:start" } },
    { headers: bearer("wrong") },
    { headers: { ...bearer(key.token), "x-long": "x".repeat(60_000) } },
    { headers: Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x-${n}`, "a"])) },
  ];
  for (const request of [...requests, ...requests]) {
    const [fast, other] = await Promise.all(
      [port, ordinary].map((at) => connectAsEnvoy(at, verifier.token)(request)),
    );
    expect(fast).toEqual(other);
  }
  const errors = await Promise.all(
    [port, ordinary].map((at) =>
      connectAsEnvoy(
        at,
        verifier.token,
      )({ headers: { "x-long": "x".repeat(140_000) } }).catch(({ code }) => code),
    ),
  );
  expect(errors).toEqual([status.RESOURCE_EXHAUSTED, status.RESOURCE_EXHAUSTED]);
});
