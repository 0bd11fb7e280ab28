import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { createHealthStatus } from "../../src/net/standard-services/health.ts";
import { handlerOf, openTestPort } from "../support/net/net.ts";
import { serveHealth } from "../support/net/standard-services.ts";

function setUp() {
  const status = createHealthStatus();
  const client = createClient(
    Health,
    createRouterTransport((router) => serveHealth(router, status)),
  );
  return { status, client };
}

test("a declared service has the status SERVING or NOT_SERVING", async () => {
  const { status, client } = setUp();
  status.set("", true);
  status.set("latchkey.v1.Live", false);
  expect((await client.check({})).status).toBe(ServingStatus.SERVING);
  expect((await client.check({ service: "latchkey.v1.Live" })).status).toBe(ServingStatus.NOT_SERVING);
  expect(status.get("latchkey.v1.Live")).toBe(false);
});

test("an undeclared service is not found", async () => {
  const { client } = setUp();
  await expect(client.check({ service: "undeclared" })).rejects.toMatchObject({ code: Code.NotFound });
});

test("the list contains every declared service and the server as a whole", async () => {
  const { status, client } = setUp();
  status.set("", true);
  status.set("latchkey.v1.Live", false);
  const { statuses } = await client.list({});
  expect(Object.entries(statuses).map(([name, { status }]) => [name, status])).toEqual([
    ["", ServingStatus.SERVING],
    ["latchkey.v1.Live", ServingStatus.NOT_SERVING],
  ]);
});

test("a watcher gets the status at once and then each change, but no status twice in a row", async () => {
  const { status, client } = setUp();
  status.set("", true);
  const watcher = client.watch({})[Symbol.asyncIterator]();
  expect((await watcher.next()).value?.status).toBe(ServingStatus.SERVING);
  const next = watcher.next();
  status.set("", true);
  status.set("other", true);
  status.set("", false);
  expect((await next).value?.status).toBe(ServingStatus.NOT_SERVING);
  status.set("", true);
  expect((await watcher.next()).value?.status).toBe(ServingStatus.SERVING);
});

test("a watcher of an unknown service gets its status when it is declared", async () => {
  const { status, client } = setUp();
  const watcher = client.watch({ service: "later" })[Symbol.asyncIterator]();
  expect((await watcher.next()).value?.status).toBe(ServingStatus.SERVICE_UNKNOWN);
  status.set("later", true);
  expect((await watcher.next()).value?.status).toBe(ServingStatus.SERVING);
});

test("a watch ends with the reason of its aborted signal", async () => {
  const { status } = setUp();
  const abort = new AbortController();
  const watcher = status.watch("", abort.signal)[Symbol.asyncIterator]();
  await watcher.next();
  const next = watcher.next();
  abort.abort(new Error("disconnected"));
  await expect(next).rejects.toThrow("disconnected");
});

test("@grpc/grpc-js can check and watch", async () => {
  const status = createHealthStatus();
  status.set("", true);
  const port = await openTestPort({
    handler: handlerOf((router) => serveHealth(router, status)),
  });
  const client = grpcJsClient(`127.0.0.1:${port.port}`);

  const checked = await new Promise<HealthCheckResponse>((resolve, reject) =>
    client.makeUnaryRequest(`/${Health.typeName}/Check`, serialize, deserialize, {}, (error, response) =>
      response ? resolve(response) : reject(error),
    ),
  );
  expect(checked.status).toBe(ServingStatus.SERVING);

  const call = client.makeServerStreamRequest(`/${Health.typeName}/Watch`, serialize, deserialize, {});
  call.on("error", () => {});
  const seen: ServingStatus[] = [];
  await new Promise<void>((resolve) => {
    call.on("close", resolve);
    call.on("data", ({ status: now }: HealthCheckResponse) => {
      seen.push(now);
      if (seen.length === 1) status.set("", false);
      else call.cancel();
    });
  });
  expect(seen).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
});

function grpcJsClient(address: string) {
  const Client = makeGenericClientConstructor({}, "Health");
  const client = new Client(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

function serialize(request: { service?: string }): Buffer {
  return Buffer.from(
    toBinary(HealthCheckRequestSchema, {
      $typeName: "grpc.health.v1.HealthCheckRequest",
      service: "",
      ...request,
    }),
  );
}

function deserialize(bytes: Buffer): HealthCheckResponse {
  return fromBinary(HealthCheckResponseSchema, bytes);
}
