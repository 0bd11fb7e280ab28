import { expect } from "vitest";
import { identityHeaders } from "../../../src/rpc/gateway/identity.ts";
import { type Clients, issueKey, type SharedApp } from "../app.ts";
import { type Answer, serve } from "../net/http.ts";

/** The path that gateways ask. */
export const path = "/v1/forward_auth";

/** Serves an app for an account with a verifier key and a key of a client. */
export async function openGateway(app: SharedApp) {
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  return { owner, verifier, key: await newKey(owner), ...(await serve(app)) };
}

/** Issues a key of a client, with a name that is no plain ASCII. */
export function newKey(owner: Clients, permissions = ["agents:read"], externalId = "") {
  return issueKey(owner, { metadata: { name: "the “key”", externalId }, spec: { permissions } });
}

/** Returns what a gateway with this verifier sends for a client. */
export const sent = (verifier: { token: string }, token?: string, headers: Record<string, string> = {}) => ({
  headers: { "latchkey-verifier": verifier.token, ...headers },
  ...(token !== undefined && { token }),
});

/** Returns the identity headers of an answer that are not empty. Every answer must have all of them. */
export function identityIn({ headers }: Pick<Answer, "headers">): Record<string, string | null> {
  const found = Object.fromEntries(identityHeaders.map((name) => [name, headers.get(name)]));
  for (const value of Object.values(found)) expect(value).not.toBeNull();
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== ""));
}

/** Returns the reason of a refusal. */
export const reasonOf = ({ json }: Answer) => (json.error as { code?: string } | undefined)?.code;
