import type { DescFile } from "@bufbuild/protobuf";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createDescriptors, type Descriptors, withImports } from "./descriptors.ts";
import type { OpenStreams } from "./open-streams.ts";

/**
 * Serves `grpc.reflection.v1` and `v1alpha` for every service of the router, including services registered later, and for
 * these files. A response also contains the imports of a file. A stream gets each import only once.
 */
export function registerReflection(
  router: ConnectRouter,
  streams: OpenStreams,
  files: readonly DescFile[] = [],
): void {
  const schema = createSchema(router, files);
  router.service(ServerReflection, {
    serverReflectionInfo: (requests, context) => streams.follow(context, answerAll(schema, requests)),
  });
  router.service(ServerReflectionV1Alpha, {
    serverReflectionInfo: (requests, context) => streams.follow(context, answerAll(schema, requests)),
  });
}

async function* answerAll<Request extends { host: string; messageRequest: ReflectionRequest }>(
  schema: () => Schema,
  requests: AsyncIterable<Request>,
) {
  const sent = new Set<DescFile>();
  for await (const request of requests)
    yield envelope(request, answer(schema(), request.messageRequest, sent));
}

type Schema = { services: string[]; descriptors: Descriptors };

// The requests of both versions of the protocol.
type ReflectionRequest =
  | {
      case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices";
      value: string;
    }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } }
  | { case: undefined; value?: undefined };

// The responses of both versions of the protocol.
type ReflectionResponse =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

function createSchema(router: ConnectRouter, files: readonly DescFile[]): () => Schema {
  let schema: Schema | undefined;
  let handlers = 0;
  return () => {
    if (!schema || handlers !== router.handlers.length) {
      const services = new Set(router.handlers.map(({ service }) => service));
      handlers = router.handlers.length;
      schema = {
        services: [...services].map(({ typeName }) => typeName).sort(),
        descriptors: createDescriptors([...files, ...[...services].map(({ file }) => file)]),
      };
    }
    return schema;
  };
}

function answer(
  { services, descriptors }: Schema,
  request: ReflectionRequest,
  sent: Set<DescFile>,
): ReflectionResponse {
  switch (request.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: services.map((name) => ({ name })) } };
    case "fileByFilename":
      return answerFile(descriptors.file(request.value), request.value);
    case "fileContainingSymbol":
      return answerFile(descriptors.fileOf(request.value), request.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.value;
      const file = descriptors.extensionsOf(containingType)?.get(extensionNumber);
      return answerFile(file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const numbers = descriptors.extensionsOf(request.value)?.keys();
      if (!numbers) return refuse(Code.NotFound, `not found: ${request.value}`);
      const value = { baseTypeName: request.value, extensionNumber: [...numbers].sort((a, b) => a - b) };
      return { case: "allExtensionNumbersResponse", value };
    }
    default:
      return refuse(Code.InvalidArgument, "unknown kind of reflection request");
  }

  function answerFile(file: DescFile | undefined, name: string): ReflectionResponse {
    if (!file) return refuse(Code.NotFound, `not found: ${name}`);
    // The response begins with the requested file. Imports follow only if this stream has not sent them before.
    const unsent = [...withImports([file])].filter((candidate) => candidate === file || !sent.has(candidate));
    for (const each of unsent) sent.add(each);
    return {
      case: "fileDescriptorResponse",
      value: { fileDescriptorProto: unsent.map(descriptors.serialize) },
    };
  }
}

function refuse(code: Code, errorMessage: string): ReflectionResponse {
  return { case: "errorResponse", value: { errorCode: code, errorMessage } };
}

function envelope<Request extends { host: string }>(
  originalRequest: Request,
  messageResponse: ReflectionResponse,
) {
  return { validHost: originalRequest.host, originalRequest, messageResponse };
}
