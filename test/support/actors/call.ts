import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Clients } from "../app.ts";

type Client = Record<string, ((request: object) => Promise<Message> & AsyncIterable<Message>) | undefined>;

/** Calls a method that is known only at run time. Of a stream, it sends one request and resolves with the first response. */
export async function call(clients: Clients, method: DescMethod, request: object): Promise<Message> {
  const client = clients.as(method.parent) as unknown as Client;
  const send = client[method.localName];
  if (!send) throw new Error(`${method.parent.typeName} has no ${method.localName}`);
  if (method.methodKind === "unary") return send(request);
  for await (const response of send(method.methodKind === "bidi_streaming" ? only(request) : request)) {
    return response;
  }
  throw new Error(`${method.localName} ended without a response`);
}

async function* only<T>(request: T): AsyncIterable<T> {
  yield request;
}
