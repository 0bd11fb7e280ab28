import { Code, ConnectError, createClient, createContextValues } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { createConnectAdapter } from "../../src/net/connect-adapter.ts";
import { openTestPort } from "../support/net/net.ts";

const transports = {
  Connect: createConnectTransport,
  gRPC: createGrpcTransport,
  "gRPC-Web": createGrpcWebTransport,
};
const printed = vi.spyOn(console, "error");

beforeEach(() => void printed.mockClear());
afterEach(() => expect(printed).not.toHaveBeenCalled());
afterAll(() => printed.mockRestore());

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Uint8Array.of(0, 0, 0);
  throw new Error("a bug after the first bytes");
}

const faults: Record<string, () => Promise<UniversalServerResponse>> = {
  throws: () => Promise.reject(new RangeError("a bug")),
  "breaks in the body": async () => ({ status: 200, header: new Headers(), body: broken() }),
};

describe.each(Object.entries(transports))("a handler over %s", (_, createTransport) => {
  test.each(Object.keys(faults))("that %s is reported once, and the client gets an error", async (fault) => {
    const bugs: unknown[] = [];
    const { url } = await openAdapter(faults[fault] ?? fail, (bug) => bugs.push(bug));
    const client = createClient(Health, createTransport({ baseUrl: url, httpVersion: "2" }));
    const error = await client.check({}).then(fail, (reason: unknown) => ConnectError.from(reason));
    if (fault === "throws") expect(error.code).toBe(Code.Internal);
    await expect.poll(() => bugs).toHaveLength(1);
  });
});

test("a response of Connect to a handler that throws is JSON with status 500", async () => {
  const { url } = await openAdapter(
    () => Promise.reject(new Error("a bug")),
    () => {},
  );
  const response = await fetch(`${url}/grpc.health.v1.Health/Check`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ code: "internal", message: "internal error" });
});

function fail(): never {
  return expect.fail("expected an error");
}

function openAdapter(respond: () => Promise<UniversalServerResponse>, onBug: (bug: unknown) => void) {
  const handler = createConnectAdapter({
    requestIdOf: () => "request-1",
    contextValues: () => createContextValues(),
    onBug,
    routes(router) {
      router.service(Health, {});
      for (const [index, one] of router.handlers.entries()) {
        router.handlers[index] = Object.assign(() => respond(), one);
      }
    },
  });
  return openTestPort({ handler });
}
