import {
  type AuthorizationServer,
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  introspectionRequest,
  None,
  processIntrospectionResponse,
  processRevocationResponse,
  revocationRequest,
} from "oauth4webapi";
import { expect, test } from "vitest";
import { issueKey } from "../support/app.ts";
import { serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

// A client library of OAuth, without any change for this service. The address is loopback, so there is no TLS.
const app = useSharedApp();
const insecure = { [allowInsecureRequests]: true };

async function newClient() {
  const { url } = await serve(app);
  const server: AuthorizationServer = {
    issuer: url,
    introspection_endpoint: `${url}/v1/oauth/introspect`,
    revocation_endpoint: `${url}/v1/oauth/revoke`,
  };
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const client = { client_id: verifier.id };
  return {
    owner,
    verifier,
    async introspect(auth: ClientAuth, token: string) {
      const response = await introspectionRequest(server, client, auth, token, insecure);
      return processIntrospectionResponse(server, client, response);
    },
    async revoke(auth: ClientAuth, token: string) {
      const response = await revocationRequest(server, client, auth, token, insecure);
      return processRevocationResponse(response);
    },
  };
}

test("a client of OAuth introspects and revokes tokens with HTTP Basic", async () => {
  const { owner, verifier, introspect, revoke } = await newClient();
  const auth = ClientSecretBasic(verifier.token);
  const key = await issueKey(owner, { spec: { permissions: ["runs:start"] } });
  expect(await introspect(auth, key.token)).toMatchObject({
    active: true,
    scope: "runs:start",
    client_id: key.id,
    token_type: "Bearer",
  });
  expect(await revoke(auth, key.token)).toBeUndefined();
  expect(await introspect(auth, key.token)).toEqual({ active: false });
  expect(await revoke(None(), (await issueKey(owner)).token)).toBeUndefined();
});

test("a client of OAuth understands the errors", async () => {
  const { owner, introspect, revoke } = await newClient();
  const key = await issueKey(owner, { spec: { permissions: ["runs:start"] } });
  await expect(introspect(ClientSecretBasic("wrong"), key.token)).rejects.toMatchObject({ status: 401 });
  await expect(introspect(ClientSecretBasic(key.token), key.token)).rejects.toMatchObject({
    status: 403,
    error: "insufficient_scope",
  });
  await expect(revoke(ClientSecretBasic("wrong"), key.token)).rejects.toMatchObject({ status: 401 });
});
