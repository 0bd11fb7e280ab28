import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type DescFile, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { file_google_api_annotations } from "../../gen/google/api/annotations_pb.ts";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createHealthStatus } from "../../src/net/standard-services/health.ts";
import { handlerOf, openTestPort } from "../support/net/net.ts";
import { serveHealth, serveReflection } from "../support/net/standard-services.ts";

const status = createHealthStatus();
status.set("", true);

function setUp(...files: DescFile[]) {
  return createRouterTransport((router) => {
    serveReflection(router, files);
    serveHealth(router, status);
  });
}

type ReflectionRequest = NonNullable<
  MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]
>;

async function reflect(...sent: ReflectionRequest[]): Promise<ServerReflectionResponse[]> {
  async function* requests() {
    for (const messageRequest of sent) yield { host: "here", messageRequest };
  }
  const client = createClient(ServerReflection, setUp(file_google_api_annotations));
  return collect(client.serverReflectionInfo(requests()));
}

function filesIn(response: ServerReflectionResponse | undefined): string[] {
  const message = response?.messageResponse;
  if (message?.case !== "fileDescriptorResponse") throw new Error(`expected files, got ${message?.case}`);
  return message.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected = [];
  for await (const item of items) collected.push(item);
  return collected;
}

const annotations = "google/api/annotations.proto";
const http = "google/api/http.proto";
const descriptor = "google/protobuf/descriptor.proto";
const healthFile = "grpc/health/v1/health.proto";

test("the list contains every service, also those registered after reflection", async () => {
  const [response] = await reflect({ case: "listServices", value: "" });
  expect(response?.messageResponse).toMatchObject({
    case: "listServicesResponse",
    value: {
      service: [
        { name: "grpc.health.v1.Health" },
        { name: "grpc.reflection.v1.ServerReflection" },
        { name: "grpc.reflection.v1alpha.ServerReflection" },
      ],
    },
  });
});

test("a response contains its request", async () => {
  const [response] = await reflect({ case: "fileByFilename", value: healthFile });
  expect(response).toMatchObject({
    validHost: "here",
    originalRequest: { host: "here", messageRequest: { case: "fileByFilename", value: healthFile } },
  });
});

test("a response contains a file and its imports, and a stream gets each import once", async () => {
  const request: ReflectionRequest = { case: "fileByFilename", value: annotations };
  const [first, again, other] = await reflect(request, request, { case: "fileByFilename", value: http });
  expect(filesIn(first)).toEqual([annotations, http, descriptor]);
  expect(filesIn(again)).toEqual([annotations]);
  expect(filesIn(other)).toEqual([http]);
});

test.each([
  ["a service", "grpc.health.v1.Health", healthFile],
  ["a method", "grpc.health.v1.Health.Check", healthFile],
  ["a message", "grpc.health.v1.HealthCheckResponse", healthFile],
  ["a field", "grpc.health.v1.HealthCheckResponse.status", healthFile],
  ["a nested enum", "grpc.health.v1.HealthCheckResponse.ServingStatus", healthFile],
  ["a value of a nested enum", "grpc.health.v1.HealthCheckResponse.SERVING", healthFile],
  ["a oneof", "google.api.HttpRule.pattern", http],
  ["an extension", "google.api.http", annotations],
  ["a nested message of an import", "google.protobuf.DescriptorProto.ExtensionRange", descriptor],
])("%s is found by its name", async (_, symbol, file) => {
  const [response] = await reflect({ case: "fileContainingSymbol", value: symbol });
  expect(filesIn(response)[0]).toBe(file);
});

test("an extension is found by its number, and is in the list of extension numbers of its message", async () => {
  const containingType = "google.protobuf.MethodOptions";
  const [file, numbers, none] = await reflect(
    { case: "fileContainingExtension", value: { containingType, extensionNumber: 72295728 } },
    { case: "allExtensionNumbersOfType", value: containingType },
    { case: "allExtensionNumbersOfType", value: "grpc.health.v1.HealthCheckRequest" },
  );
  expect(filesIn(file)[0]).toBe(annotations);
  expect(numbers?.messageResponse.value).toMatchObject({
    baseTypeName: containingType,
    extensionNumber: [72295728],
  });
  expect(none?.messageResponse.value).toMatchObject({ extensionNumber: [] });
});

test.each<[string, ReflectionRequest]>([
  ["file", { case: "fileByFilename", value: "no/such.proto" }],
  ["symbol", { case: "fileContainingSymbol", value: "no.Such" }],
  ["extended message", { case: "allExtensionNumbersOfType", value: "no.Such" }],
  [
    "extension",
    {
      case: "fileContainingExtension",
      value: { containingType: "google.protobuf.MethodOptions", extensionNumber: 1 },
    },
  ],
])("the response to an unknown %s is `NotFound`, and the stream continues", async (_, request) => {
  const [unknown, known] = await reflect(request, { case: "fileByFilename", value: healthFile });
  expect(unknown?.messageResponse).toMatchObject({
    case: "errorResponse",
    value: { errorCode: Code.NotFound },
  });
  expect(filesIn(known)).toEqual([healthFile]);
});

test("the response to an empty request is `InvalidArgument`, and the stream continues", async () => {
  const [empty, known] = await reflect({ case: undefined }, { case: "fileByFilename", value: healthFile });
  expect(empty?.messageResponse).toMatchObject({ value: { errorCode: Code.InvalidArgument } });
  expect(filesIn(known)).toEqual([healthFile]);
});

test("v1alpha gives the same responses as v1", async () => {
  async function* requests() {
    yield {
      host: "here",
      messageRequest: { case: "fileContainingSymbol" as const, value: "grpc.health.v1.Health" },
    };
    yield { messageRequest: { case: "fileByFilename" as const, value: "no/such.proto" } };
  }
  const client = createClient(ServerReflectionV1Alpha, setUp());
  const [found, unknown] = await collect(client.serverReflectionInfo(requests()));
  expect(found).toMatchObject({
    $typeName: "grpc.reflection.v1alpha.ServerReflectionResponse",
    validHost: "here",
    originalRequest: { $typeName: "grpc.reflection.v1alpha.ServerReflectionRequest" },
    messageResponse: { case: "fileDescriptorResponse", value: { fileDescriptorProto: [expect.anything()] } },
  });
  expect(unknown?.messageResponse).toMatchObject({
    case: "errorResponse",
    value: { errorCode: Code.NotFound },
  });
});

test("over a socket, a stream gets each response before it sends the next request", async () => {
  const port = await openReflected();
  const responded = Promise.withResolvers<void>();
  async function* requests() {
    yield { messageRequest: { case: "listServices" as const, value: "" } };
    await responded.promise;
    yield { messageRequest: { case: "fileByFilename" as const, value: healthFile } };
  }
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: port.url }));
  const responses = client.serverReflectionInfo(requests())[Symbol.asyncIterator]();
  expect((await responses.next()).value?.messageResponse.case).toBe("listServicesResponse");
  responded.resolve();
  expect(filesIn((await responses.next()).value)).toEqual([healthFile]);
  expect((await responses.next()).done).toBe(true);
});

describe.each(["grpc-v1", "grpc-v1alpha"])("reflection by %s", (reflection) => {
  test.each(["grpc", "grpcweb", "connect"])("buf curl without a schema can call by %s", async (protocol) => {
    const port = await openReflected();
    const home = mkdtempSync(join(tmpdir(), "latchkey-buf-"));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const options = ["--http2-prior-knowledge", "--protocol", protocol, "--reflect-protocol", reflection];
    const buf = join(import.meta.dirname, "../../node_modules/.bin/buf");
    const { stdout } = await promisify(execFile)(
      buf,
      ["curl", ...options, "-d", "{}", `${port.url}/grpc.health.v1.Health/Check`],
      { env: { ...process.env, HOME: home, BUF_CACHE_DIR: home } },
    );
    expect(JSON.parse(stdout)).toEqual({ status: "SERVING" });
  });
});

function openReflected() {
  return openTestPort({
    handler: handlerOf((router) => {
      serveHealth(router, status);
      serveReflection(router);
    }),
  });
}
