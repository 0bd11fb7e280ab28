import { expect, test } from "vitest";
import { identityHeaders } from "../../src/rpc/gateway/identity.ts";
import { type Clients, issueKey, useApp } from "../support/app.ts";
import {
  type Behind,
  type Received,
  startCaddyOfPage,
  startNginxOfPage,
  startService,
} from "../support/gateway/proxies.ts";
import { skipWithout } from "../support/missing-program.ts";
import { serve } from "../support/net/http.ts";
import { connectRaw } from "../support/net/net.ts";

// Latchkey trusts its gateways, as an operator would set it.
const app = useApp({ LATCHKEY_TRUSTED_PROXIES: "127.0.0.1" });

const gateways = [
  { name: "nginx", version: ["-v"], install: "apt-get install nginx", start: startNginxOfPage },
  { name: "caddy", version: ["version"], install: "apt-get install caddy", start: startCaddyOfPage },
];

async function open(start: (behind: Behind) => Promise<number>) {
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const [{ port: latchkey }, service] = [await serve(app), await startService()];
  const port = await start({ latchkey, service, verifier: verifier.token });
  return { owner, port, url: `http://127.0.0.1:${port}`, verifier, key: await keyOf(owner) };
}

function keyOf(owner: Clients, permissions = ["agents:read"]) {
  return issueKey(owner, { metadata: { name: "the $key {path}" }, spec: { permissions } });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test.for(gateways)(
  "$name lets a key pass with its identity, and stops it at once after RevokeApiKey returned",
  async ({ name, version, install, start }, context) => {
    await skipWithout(context, name, version, install);
    const { owner, url, key } = await open(start);
    const ask = () =>
      fetch(`${url}/agents?x=1`, { method: "POST", body: "hello", headers: bearer(key.token) });
    for (const _ of [1, 2]) {
      const passed = await ask();
      expect(passed.status).toBe(200);
      const received = (await passed.json()) as Received;
      expect(received).toMatchObject({
        method: "POST",
        url: "/agents?x=1",
        body: "hello",
        headers: {
          "latchkey-account-id": owner.account.metadata?.id,
          "latchkey-key-id": key.id,
          "latchkey-key-name": "the%20%24key%20%7Bpath%7D",
          "latchkey-permissions": "agents:read",
        },
      });
      expect(Object.keys(received.headers)).not.toContain("authorization");
      expect(JSON.stringify(received)).not.toContain(key.token.slice(-20));
    }
    await owner.apiKeys.revokeApiKey({ id: key.id });
    const stopped = await ask();
    expect(stopped.status).toBe(401);
    expect(stopped.headers.get("www-authenticate")).toContain('error="invalid_token"');
    if (name === "caddy") expect(await stopped.json()).toMatchObject({ error: { code: "REVOKED_API_KEY" } });
  },
);

test.for(gateways)(
  "$name stops a key whose rate limit is spent",
  async ({ name, version, install, start }, context) => {
    await skipWithout(context, name, version, install);
    const { owner, url } = await open(start);
    const rateLimits = [{ name: "calls", limit: 2, period: { seconds: 2_678_400n } }];
    const { token } = await issueKey(owner, { spec: { permissions: ["agents:read"], rateLimits } });
    const statuses = [];
    for (let n = 0; n < 3; n++)
      statuses.push((await fetch(`${url}/agents`, { headers: bearer(token) })).status);
    // nginx passes only 401 and 403 on.
    expect(statuses).toEqual([200, 200, name === "caddy" ? 429 : 403]);
  },
);

test.for(gateways)(
  "$name lets nothing pass that a client forged",
  async ({ name, version, install, start }, context) => {
    await skipWithout(context, name, version, install);
    const { owner, url, key, verifier } = await open(start);
    const powerless = await keyOf(owner, ["runs:start"]);
    const forged: Record<string, string> = {
      ...Object.fromEntries(identityHeaders.map((header) => [header, "forged"])),
      ...Object.fromEntries(identityHeaders.map((header) => [header.replaceAll("-", "_"), "forged"])),
      "latchkey-verifier": app.platformToken,
      "latchkey-account": "forged",
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-uri": "/?permission=runs:start",
      "x-forwarded-method": "OPTIONS",
      "x-original-uri": "/?permission=runs:start",
    };
    const passed = await fetch(url, { headers: { ...forged, ...bearer(key.token) } });
    expect(passed.status).toBe(200);
    const { headers } = (await passed.json()) as Received;
    const ours = Object.entries(headers).filter(([header]) => /^latchkey[-_]/.test(header));
    expect(JSON.stringify(ours)).not.toContain("forged");
    expect(headers["latchkey-key-id"]).toBe(key.id);
    expect(headers["latchkey-user-id"] ?? "").toBe("");
    for (const secret of [verifier.token, app.platformToken])
      expect(JSON.stringify(headers)).not.toContain(secret);
    // The verifier of the client would see every account.
    const foreign = await keyOf(await app.newAccount());
    const statuses = [];
    for (const token of [powerless.token, foreign.token, "wrong"]) {
      statuses.push((await fetch(url, { headers: { ...forged, ...bearer(token) } })).status);
    }
    statuses.push((await fetch(`${url}/v1/forward_auth?permission=runs:start`, { headers: forged })).status);
    statuses.push((await fetch(url, { method: "OPTIONS", headers: forged })).status);
    expect(statuses).toEqual([403, 401, 401, 401, 401]);
    const calls = app.logLines.filter((line) => line.includes("forward_auth"));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.join("\n")).not.toContain("203.0.113.9");
  },
);

test.for(gateways)(
  "$name refuses a client with two Authorization headers",
  async ({ name, version, install, start }, context) => {
    await skipWithout(context, name, version, install);
    const { owner, port, key } = await open(start);
    const other = await keyOf(owner);
    const send = async (tokens: string[]) => {
      const bearers = tokens.map((token) => `Authorization: Bearer ${token}`);
      const raw = await connectRaw(
        port,
        ["GET / HTTP/1.1", `Host: 127.0.0.1:${port}`, "Connection: close", ...bearers, "", ""].join("\r\n"),
      );
      return (await raw.closed).slice(9, 12);
    };
    expect(await send([key.token])).toBe("200");
    expect(await send([key.token, other.token])).toMatch(/^40[01]$/);
  },
);

test.for(gateways)(
  "$name lets nothing pass if its verifier is wrong or Latchkey is gone",
  async ({ name, version, install, start }, context) => {
    await skipWithout(context, name, version, install);
    const { owner, url, key, verifier } = await open(start);
    await owner.apiKeys.revokeApiKey({ id: verifier.id });
    expect((await fetch(url, { headers: bearer(key.token) })).status).toBe(401);
    const service = await startService();
    const port = await start({ latchkey: 1, service, verifier: "none" });
    const gone = await fetch(`http://127.0.0.1:${port}`, { headers: bearer(key.token) });
    expect(gone.status).toBeGreaterThanOrEqual(500);
  },
);

test.for(gateways)(
  "$name passes every identity header on, also if the client calls it a header of the connection",
  async ({ name, version, install, start }, context) => {
    await skipWithout(context, name, version, install);
    const { port, key } = await open(start);
    const send = async (connections: string[]) => {
      const raw = await connectRaw(
        port,
        [
          "GET / HTTP/1.1",
          `Host: 127.0.0.1:${port}`,
          ...connections,
          `Authorization: Bearer ${key.token}`,
          "",
          "",
        ].join("\r\n"),
      );
      return raw.closed;
    };
    const names = identityHeaders.join(", ");
    const cases = [
      [`Connection: close, ${names}`],
      ["Connection: close", `connection: ${names.toUpperCase()}`],
    ];
    for (const connections of cases) {
      const answer = await send(connections);
      expect([connections, answer.slice(9, 12)]).toEqual([connections, "200"]);
      expect(answer).toContain(`"latchkey-key-id":"${key.id}"`);
      expect(answer).toContain('"latchkey-environment":"live"');
    }
  },
);
