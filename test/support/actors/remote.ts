import { createGrpcTransport } from "@connectrpc/connect-node";
import { type Clients, clients, password } from "../app.ts";
import { bearer } from "./bearer.ts";

/** Returns the clients of a bearer of a remote server, over gRPC. */
export function clientsAt(baseUrl: string, token = ""): Clients {
  return clients(createGrpcTransport({ baseUrl, interceptors: [bearer(token)] }), token);
}

/** Signs a user up at a remote server, and returns their clients. */
export async function signUpAt(baseUrl: string, email = "me@example.com"): Promise<Clients> {
  const signUp = { email, password, name: "Me", accountName: "Acme" };
  const { token } = await clientsAt(baseUrl).sessions.signUp(signUp);
  return clientsAt(baseUrl, token);
}
