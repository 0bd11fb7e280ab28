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
import { createHealthStatus, registerHealth } from "../../src/net/standard-services/health.ts";
import { registerReflection } from "../../src/net/standard-services/reflection.ts";
import { handlerOf, openTestPort } from "../support/net/net.ts";

const status = createHealthStatus();
status.set("", true);

function setUp(...files: DescFile[]) {
  return createRouterTransport((router) => {
    registerReflection(router, files);
    registerHealth(router, status);
  });
}

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;

async function ask(...questions: Question[]): Promise<ServerReflectionResponse[]> {
  async function* requests() {
    for (const messageRequest of questions) yield { host: "here", messageRequest };
  }
  const client = createClient(ServerReflection, setUp(file_google_api_annotations));
  return collect(client.serverReflectionInfo(requests()));
}

function filesIn(response: ServerReflectionResponse | undefined): string[] {
  const answer = response?.messageResponse;
  if (answer?.case !== "fileDescriptorResponse") throw new Error(`no files but ${answer?.case}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
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

test("every service is listed, whenever it was registered, reflection and health included", async () => {
  const [response] = await ask({ case: "listServices", value: "" });
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

test("an answer repeats its question", async () => {
  const [response] = await ask({ case: "fileByFilename", value: healthFile });
  expect(response).toMatchObject({
    validHost: "here",
    originalRequest: { host: "here", messageRequest: { case: "fileByFilename", value: healthFile } },
  });
});

test("a file comes with all that it imports, and what it imports only once in a stream", async () => {
  const question: Question = { case: "fileByFilename", value: annotations };
  const [first, again, other] = await ask(question, question, { case: "fileByFilename", value: http });
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
  const [response] = await ask({ case: "fileContainingSymbol", value: symbol });
  expect(filesIn(response)[0]).toBe(file);
});

test("an extension is found by its number, and is among the numbers of its message", async () => {
  const containingType = "google.protobuf.MethodOptions";
  const [file, numbers, none] = await ask(
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

test.each<[string, Question]>([
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
])("an unknown %s is a not-found answer, and the stream goes on", async (_, question) => {
  const [unknown, known] = await ask(question, { case: "fileByFilename", value: healthFile });
  expect(unknown?.messageResponse).toMatchObject({
    case: "errorResponse",
    value: { errorCode: Code.NotFound },
  });
  expect(filesIn(known)).toEqual([healthFile]);
});

test("a question that holds none is an error in the answer, and the stream goes on", async () => {
  const [empty, known] = await ask({ case: undefined }, { case: "fileByFilename", value: healthFile });
  expect(empty?.messageResponse).toMatchObject({ value: { errorCode: Code.InvalidArgument } });
  expect(filesIn(known)).toEqual([healthFile]);
});

test("v1alpha answers as v1 does", async () => {
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

test("a conversation of questions and answers goes both ways over a socket", async () => {
  const port = await openReflected();
  const answered = Promise.withResolvers<void>();
  async function* requests() {
    yield { messageRequest: { case: "listServices" as const, value: "" } };
    await answered.promise;
    yield { messageRequest: { case: "fileByFilename" as const, value: healthFile } };
  }
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: port.url }));
  const responses = client.serverReflectionInfo(requests())[Symbol.asyncIterator]();
  expect((await responses.next()).value?.messageResponse.case).toBe("listServicesResponse");
  answered.resolve();
  expect(filesIn((await responses.next()).value)).toEqual([healthFile]);
  expect((await responses.next()).done).toBe(true);
});

describe.each(["grpc-v1", "grpc-v1alpha"])("a tool without our schema, by %s,", (reflection) => {
  test.each(["grpc", "grpcweb", "connect"])("calls %s", async (protocol) => {
    const port = await openReflected();
    const home = mkdtempSync(join(tmpdir(), "latchkey-buf-"));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const how = ["--http2-prior-knowledge", "--protocol", protocol, "--reflect-protocol", reflection];
    const buf = join(import.meta.dirname, "../../node_modules/.bin/buf");
    const { stdout } = await promisify(execFile)(
      buf,
      ["curl", ...how, "-d", "{}", `${port.url}/grpc.health.v1.Health/Check`],
      { env: { ...process.env, HOME: home, BUF_CACHE_DIR: home } },
    );
    expect(JSON.parse(stdout)).toEqual({ status: "SERVING" });
  });
});

function openReflected() {
  return openTestPort({
    handler: handlerOf((router) => {
      registerHealth(router, status);
      registerReflection(router);
    }),
  });
}
