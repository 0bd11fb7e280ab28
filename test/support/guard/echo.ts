import { text } from "node:stream/consumers";
import {
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  Metadata,
  type MethodDefinition,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { latchkey, needs } from "../../../src/guard/grpc.ts";
import type { Guard } from "../../../src/guard/types.ts";

const echo = {
  up: methodOf("up", true, false),
  down: methodOf("down", false, true),
  both: methodOf("both", true, true),
};

function methodOf(name: string, requestStream: boolean, responseStream: boolean) {
  const definition: MethodDefinition<string, string> = {
    path: `/echo.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: (value) => Buffer.from(value),
    requestDeserialize: (bytes) => bytes.toString(),
    responseSerialize: (value) => Buffer.from(value),
    responseDeserialize: (bytes) => bytes.toString(),
  };
  return definition;
}

const up: handleClientStreamingCall<string, string> = (call, callback) => {
  const parts: string[] = [];
  call.on("data", (part: string) => parts.push(part)).on("end", () => callback(null, parts.join("")));
};
const down: handleServerStreamingCall<string, string> = (call) => {
  for (const letter of call.request) call.write(letter);
  call.end();
};
const both: handleBidiStreamingCall<string, string> = (call) => {
  call.on("data", (part: string) => call.write(part)).on("end", () => call.end());
};

type Duplex = ClientWritableStream<string> & ClientReadableStream<string>;
interface EchoClient {
  up(
    metadata: Metadata,
    callback: (error: Error | null, value?: string) => void,
  ): ClientWritableStream<string>;
  down(value: string, metadata: Metadata): ClientReadableStream<string>;
  both(metadata: Metadata): Duplex;
  close(): void;
}

/** The calls of a service of grpc-js with one RPC per kind of stream. Each returns the text that it received. */
export type EchoCalls = Record<"up" | "down" | "both", (token: string, sent: string) => Promise<string>>;

/** Starts the service behind a guard. Each RPC needs these permissions. */
export async function startEcho(guard: Guard, ...permissions: string[]) {
  const server = new Server({ interceptors: [latchkey(guard)] });
  const protect = needs(...permissions);
  server.addService(echo, { up: protect(up), down: protect(down), both: protect(both) });
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, one: number) => (error ? reject(error) : resolve(one));
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
  });
  const Client = makeGenericClientConstructor(echo, "Echo");
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure()) as unknown as EchoClient;
  const metadataOf = (token: string) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    return metadata;
  };
  const calls: EchoCalls = {
    up: (token, sent) =>
      new Promise((resolve, reject) => {
        const call = client.up(metadataOf(token), (error, value = "") =>
          error ? reject(error) : resolve(value),
        );
        for (const letter of sent) call.write(letter);
        call.end();
      }),
    down: (token, sent) => text(client.down(sent, metadataOf(token))),
    both: (token, sent) => {
      const call = client.both(metadataOf(token));
      for (const letter of sent) call.write(letter);
      call.end();
      return text(call);
    },
  };
  const close = () => {
    client.close();
    server.forceShutdown();
  };
  return { calls, close };
}
