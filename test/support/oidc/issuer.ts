import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

/** The audience of the tokens in tests. */
export const audience = "https://latchkey.test";

/** An issuer that signs the tokens that a test requests. */
export interface TestIssuer {
  url: string;
  /** Returns a valid access token, with these claims and headers changed. `undefined` omits a claim. */
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** Replaces the signing key. */
  rollOver(): Promise<void>;
  /** Returns the present signing key. */
  key(): { privateKey: CryptoKey; publicJwk: JWK };
  /** Returns how often the keys were fetched. */
  fetches(): number;
  /** Holds the response to the next request for keys until `go`. The response has the keys of the time of the request. */
  holdNext(): { arrived: Promise<void>; go(): void };
  /** Sends another response to every request, for example status 500. Undefined restores the correct responses. */
  breakWith(answer: { status?: number; body?: string } | undefined): void;
  close(): Promise<void>;
}

/** Starts an issuer on loopback. */
export async function startIssuer(): Promise<TestIssuer> {
  let key = await newKey();
  let fetches = 0;
  let hold: ((answer: () => void) => void) | undefined;
  let broken: { status?: number; body?: string } | undefined;
  const server = createServer((request, response) => {
    const discovery = request.url === "/.well-known/openid-configuration";
    if (!discovery) fetches += 1;
    const valid = discovery ? { issuer: url, jwks_uri: `${url}/jwks` } : { keys: [key.publicJwk] };
    response.writeHead(broken?.status ?? 200, { "content-type": "application/json" });
    const body = broken?.body ?? JSON.stringify(valid);
    if (discovery || !hold) response.end(body);
    else hold(() => response.end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the issuer does not listen");
  const url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    async token(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000);
      const usual = { iss: url, aud: audience, sub: "a person", iat: now, exp: now + 300, client_id: "app" };
      const payload: JWTPayload = { ...usual, ...claims };
      return (
        new SignJWT(payload)
          .setProtectedHeader({ alg: "ES256", kid: key.publicJwk.kid ?? "", typ: "at+jwt", ...header })
          // A critical header that no verifier knows: RFC 7515, section 4.1.11.
          .sign(key.privateKey, { crit: { x: true } })
      );
    },
    async rollOver() {
      key = await newKey();
    },
    key: () => key,
    fetches: () => fetches,
    holdNext() {
      const go = Promise.withResolvers<void>();
      const arrived = new Promise<void>((resolve) => {
        hold = (answer) => {
          hold = undefined;
          resolve();
          void go.promise.then(answer);
        };
      });
      return { arrived, go: go.resolve };
    },
    breakWith(answer) {
      broken = answer;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function newKey(): Promise<{ privateKey: CryptoKey; publicJwk: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const kid = randomBytes(8).toString("hex");
  return { privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" } };
}
