import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.ts";
import { latchkey, needs } from "../../src/guard/connect.ts";
import { withHeaders } from "../support/actors/clients.ts";
import { startEcho } from "../support/guard/echo.ts";
import { accepted, createFakeGuard } from "../support/guard/fake-guard.ts";

const guard = createFakeGuard({ reader: accepted(["runs:read"]), starter: accepted(["runs:start"]) });

test("a streaming RPC of Connect refuses a caller before its first message", async () => {
  const { SERVING } = HealthCheckResponse_ServingStatus;
  let calls = 0;
  const watch = needs("runs:start")(async function* () {
    calls += 1;
    yield { status: SERVING };
  });
  const router = { requestGate: latchkey(guard) };
  const transport = createRouterTransport((routes) => routes.service(Health, { watch }), { router });
  const first = async (token: string) => {
    const client = createClient(Health, withHeaders(transport, { authorization: `Bearer ${token}` }));
    for await (const message of client.watch({})) return message.status;
    return undefined;
  };
  expect(await first("starter")).toBe(SERVING);
  await expect(first("reader")).rejects.toMatchObject({ code: Code.PermissionDenied });
  await expect(first("unknown")).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect(calls).toBe(1);
});

test("streaming RPCs of grpc-js pass their messages on, and refuse a caller without the permission", async () => {
  const { calls, close } = await startEcho(guard, "runs:start");
  for (const call of Object.values(calls)) {
    expect(await call("starter", "abc")).toBe("abc");
    await expect(call("reader", "abc")).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
      details: "the permission runs:start is missing",
    });
    await expect(call("unknown", "abc")).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  }
  close();
});
