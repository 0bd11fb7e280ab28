import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Clients } from "../app.ts";

/** Calls a method that is known only at run time. */
export function call(clients: Clients, method: DescMethod, request: object): Promise<Message> {
  const client = clients.as(method.parent) as unknown as Record<
    string,
    (request: object) => Promise<Message>
  >;
  const send = client[method.localName];
  if (!send) throw new Error(`${method.parent.typeName} has no ${method.localName}`);
  return send(request);
}
