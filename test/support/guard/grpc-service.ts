import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type handleUnaryCall, type MethodDefinition, Server, ServerCredentials } from "@grpc/grpc-js";
import { PromptService } from "../../../examples/prompts-api/gen/prompts_pb.ts";
import type { GateOptions } from "../../../src/guard/gate.ts";
import { callerOf, latchkey, needs } from "../../../src/guard/grpc.ts";
import type { Guard } from "../../../src/guard/types.ts";

type Handler = handleUnaryCall<unknown, MessageInitShape<DescMessage>>;

/** Starts a server of grpc-js with the two RPCs of `PromptService`. Each returns the name of its caller. */
export async function serveGrpc(
  guard: Guard,
  options: GateOptions<unknown>,
  nameOf: (caller: ReturnType<typeof callerOf>) => string,
): Promise<{ url: string; close(): Promise<void> }> {
  const { listPrompts, createPrompt } = PromptService.method;
  const list: Handler = (call, callback) => callback(null, { prompts: [{ text: nameOf(callerOf(call)) }] });
  const add: Handler = (call, callback) => callback(null, { prompt: { text: nameOf(callerOf(call)) } });
  const server = new Server({ interceptors: [latchkey(guard, options)] });
  server.addService(
    { listPrompts: definitionOf(listPrompts), createPrompt: definitionOf(createPrompt) },
    { listPrompts: list, createPrompt: needs("prompts:write")(add) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { url: `http://127.0.0.1:${port}`, close: async () => server.forceShutdown() };
}

function definitionOf({ name, input, output }: (typeof PromptService)["methods"][number]) {
  const [readRequest, writeRequest] = codecOf(input);
  const [readResponse, writeResponse] = codecOf(output);
  const definition: MethodDefinition<unknown, unknown> = {
    path: `/${PromptService.typeName}/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: writeRequest,
    requestDeserialize: readRequest,
    responseSerialize: writeResponse,
    responseDeserialize: readResponse,
  };
  return definition;
}

function codecOf(schema: DescMessage) {
  const read = (bytes: Buffer): unknown => fromBinary(schema, bytes);
  const write = (message: unknown) =>
    Buffer.from(toBinary(schema, create(schema, message as MessageInitShape<DescMessage>)));
  return [read, write] as const;
}
