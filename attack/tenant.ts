import { call } from "./http.ts";

/** A tenant: an account, the session of its owner, and a key that verifies the tokens of that account. */
export interface Tenant {
  accountId: string;
  session: string;
  verifier: string;
}

/** Signs up a tenant through the service. */
export async function openTenant(port: number, name: string): Promise<Tenant> {
  const signUp = {
    email: `${name}@example.com`,
    password: "correct horse battery",
    name,
    accountName: name,
  };
  const { account, token } = await call(port, "SessionService/SignUp", signUp);
  const session = String(token);
  const verifier = await createKey(port, session, { permissions: ["tokens:verify"] });
  return { accountId: idOf(account), session, verifier };
}

/** Creates a key. Returns its token. */
export async function createKey(port: number, session: string, spec: object): Promise<string> {
  const request = { metadata: { name: "made by the attack" }, spec };
  const { apiKey } = await call(port, "ApiKeyService/CreateApiKey", request, session);
  return String((apiKey as { spec: { token: string } }).spec.token);
}

/** Returns the id of a resource. */
export function idOf(resource: unknown): string {
  return String((resource as { metadata: { id: string } }).metadata.id);
}
