import { createHash, randomBytes } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { Provider } from "oidc-provider";
import { audience } from "./issuer.ts";

/** A certified OpenID provider on loopback. */
export interface TestProvider {
  url: string;
  /** Signs a person in by the authorization code flow (RFC 6749, section 4.1, and RFC 7636). */
  signIn(
    subject: string,
    claims?: Record<string, unknown>,
  ): Promise<{ accessToken: string; idToken: string }>;
  /** Replaces the keys of the provider. */
  rollOver(): Promise<void>;
  close(): Promise<void>;
}

const clientId = "app";
// No server runs there. The test reads the code from the redirect.
const redirectUri = "https://app.test/signed-in";

/** Starts a provider. Its access tokens are JWTs for the audience of the tests (RFC 8707, RFC 9068). */
export async function startProvider(): Promise<TestProvider> {
  let handle: RequestListener = () => {};
  const server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${portOf(server)}`;
  const extraClaims = new Map<string, Record<string, unknown>>();

  async function rollOver(): Promise<void> {
    const provider = new Provider(url, { ...configuration(extraClaims), jwks: { keys: [await newKey()] } });
    const callback = provider.callback();
    handle = (request, response) => {
      if (!request.url?.startsWith("/interaction/")) return void callback(request, response);
      // The person that the request names is signed in.
      void provider
        .interactionDetails(request, response)
        .then(({ params }) =>
          provider.interactionFinished(request, response, { login: { accountId: params.login_hint } }),
        );
    };
  }

  await rollOver();
  return {
    url,
    rollOver,
    async signIn(subject, claims = {}) {
      extraClaims.set(subject, claims);
      return signIn(url, subject);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function signIn(url: string, subject: string): Promise<{ accessToken: string; idToken: string }> {
  const verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const start = new URL(`${url}/auth`);
  start.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid api",
    resource: audience,
    login_hint: subject,
    nonce: "n-0S6_WzA2Mj",
    code_challenge: challenge,
    code_challenge_method: "S256",
  }).toString();
  const code = await followToCode(start);
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: clientId,
    redirect_uri: redirectUri,
    code,
    code_verifier: verifier,
    resource: audience,
  });
  const response = await fetch(`${url}/token`, { method: "POST", body });
  const tokens = (await response.json()) as { access_token?: string; id_token?: string };
  if (!tokens.access_token || !tokens.id_token) throw new Error(`no tokens: ${JSON.stringify(tokens)}`);
  return { accessToken: tokens.access_token, idToken: tokens.id_token };
}

// Follows redirects and keeps cookies, as a browser does.
async function followToCode(start: URL): Promise<string> {
  const cookies = new Map<string, string>();
  let next = start;
  for (let hops = 0; hops < 10; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(next, { redirect: "manual", headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (!location) throw new Error(`sign-in stopped: ${response.status} ${await response.text()}`);
    next = new URL(location, next);
    const code = next.searchParams.get("code");
    if (code && next.href.startsWith(redirectUri)) return code;
  }
  throw new Error("sign-in needed more than 10 redirects");
}

function configuration(extraClaims: Map<string, Record<string, unknown>>): Record<string, unknown> {
  return {
    clients: [
      {
        client_id: clientId,
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        id_token_signed_response_alg: "ES256",
      },
    ],
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      Grant: 600,
      IdToken: 600,
      Interaction: 600,
      Session: 600,
    },
    cookies: { keys: [randomBytes(32).toString("hex")] },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: "api",
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    findAccount: (_context: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    extraTokenClaims: (_context: unknown, { accountId }: { accountId: string }) => extraClaims.get(accountId),
    async loadExistingGrant({ oidc }: GrantContext) {
      const grant = new oidc.provider.Grant({
        clientId: oidc.client.clientId,
        accountId: oidc.session.accountId,
      });
      grant.addOIDCScope("openid");
      grant.addResourceScope(audience, "api");
      await grant.save();
      return grant;
    },
  };
}

interface GrantContext {
  oidc: { provider: Provider; client: { clientId: string }; session: { accountId: string } };
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return {
    ...(await exportJWK(privateKey)),
    kid: randomBytes(8).toString("hex"),
    alg: "ES256",
    use: "sig",
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the provider does not listen");
  return address.port;
}
