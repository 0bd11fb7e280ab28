import type { DescFile } from "@bufbuild/protobuf";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createDescriptors, type Descriptors, withImports } from "./descriptors.ts";

/**
 * Serves `grpc.reflection.v1` and `v1alpha` about every service of the router, also those registered later,
 * and about these files. What is imported comes along, each file once in a stream.
 */
export function registerReflection(router: ConnectRouter, files: readonly DescFile[] = []): void {
  const schema = createSchema(router, files);
  router.service(ServerReflection, {
    async *serverReflectionInfo(requests) {
      const sent = new Set<DescFile>();
      for await (const request of requests)
        yield envelope(request, answer(schema(), request.messageRequest, sent));
    },
  });
  router.service(ServerReflectionV1Alpha, {
    async *serverReflectionInfo(requests) {
      const sent = new Set<DescFile>();
      for await (const request of requests)
        yield envelope(request, answer(schema(), request.messageRequest, sent));
    },
  });
}

type Schema = { services: string[]; descriptors: Descriptors };

// What both versions of the protocol ask.
type Question =
  | {
      case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices";
      value: string;
    }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } }
  | { case: undefined; value?: undefined };

// What both versions answer.
type Answer =
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

function answer({ services, descriptors }: Schema, question: Question, sent: Set<DescFile>): Answer {
  switch (question.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: services.map((name) => ({ name })) } };
    case "fileByFilename":
      return answerFile(descriptors.file(question.value), question.value);
    case "fileContainingSymbol":
      return answerFile(descriptors.fileOf(question.value), question.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const file = descriptors.extensionsOf(containingType)?.get(extensionNumber);
      return answerFile(file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const numbers = descriptors.extensionsOf(question.value)?.keys();
      if (!numbers) return refuse(Code.NotFound, `not found: ${question.value}`);
      const value = { baseTypeName: question.value, extensionNumber: [...numbers].sort((a, b) => a - b) };
      return { case: "allExtensionNumbersResponse", value };
    }
    default:
      return refuse(Code.InvalidArgument, "no question that this server knows");
  }

  function answerFile(file: DescFile | undefined, name: string): Answer {
    if (!file) return refuse(Code.NotFound, `not found: ${name}`);
    // What was asked for is always sent, and first; what it imports only if this stream has not had it yet.
    const news = [...withImports([file])].filter((candidate) => candidate === file || !sent.has(candidate));
    for (const each of news) sent.add(each);
    return {
      case: "fileDescriptorResponse",
      value: { fileDescriptorProto: news.map(descriptors.serialize) },
    };
  }
}

function refuse(code: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode: code, errorMessage } };
}

function envelope<Request extends { host: string }>(originalRequest: Request, messageResponse: Answer) {
  return { validHost: originalRequest.host, originalRequest, messageResponse };
}
