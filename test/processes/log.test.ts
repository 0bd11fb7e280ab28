import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { bearer } from "../support/actors/bearer.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { clients, issueKey, password } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { createSite, type LogLine, type Served, type Site } from "../support/server/serve.ts";

let site: Site;
let server: Served;
let calls = 0;
beforeAll(async () => {
  site = createSite();
  // The built-in role `developer` has two permissions.
  server = await site.serve({ LATCHKEY_LOG_LEVEL: "trace", LATCHKEY_MAX_PERMISSIONS_PER_ROLE: "1" });
});

test("the server logs once after its start how many records are above a bound", async () => {
  const reports = (line: LogLine) => line.records !== undefined;
  expect(await server.logged(reports)).toMatchObject({ level: 40, records: { permissions_per_role: 1 } });
  expect(server.log().filter(reports)).toHaveLength(1);
}, 20_000);
afterAll(() => site.clear());

test("the first line of the log has the version", () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  expect(server.log()[0]).toMatchObject({ level: 30, version, node: process.version });
});

test.runIf(process.geteuid?.() === 0)(
  "at level debug, a server of root logs which user runs Postgres",
  async () => {
    const line = await server.logged(({ msg = "" }) => msg.startsWith("Postgres runs as"));
    expect(line).toMatchObject({ level: 20, uid: expect.any(Number) });
    expect(line.uid).toBeGreaterThan(0);
  },
);

test("each call writes one JSON line with request id, method, code, duration and caller", async () => {
  const owner = await signUpAt(server.url, "log@example.com");
  const key = await issueKey(owner, { spec: { permissions: ["api_keys:read"] } });
  const { account } = await owner.accounts.getAccount({});
  const [bySession, byKey] = [named(owner.token), named(key.token)];
  await bySession.clients.apiKeys.listApiKeys({});
  expect(await refusal(byKey.clients.apiKeys.revokeApiKey({ id: key.id }))).toMatchObject({
    reason: "PERMISSION_DENIED",
  });
  const line = await callLine(bySession.id);
  expect(line).toMatchObject({
    level: 30,
    method: "latchkey.v1.ApiKeyService/ListApiKeys",
    code: "ok",
    accountId: account?.metadata?.id,
    profileId: expect.stringMatching(/^prof_/),
    address: "127.0.0.1",
    milliseconds: expect.any(Number),
  });
  expect(Date.parse(String(line.time))).toBeGreaterThan(0);
  expect(await callLine(byKey.id)).toMatchObject({
    method: "latchkey.v1.ApiKeyService/RevokeApiKey",
    code: "permission_denied",
    reason: "PERMISSION_DENIED",
    accountId: account?.metadata?.id,
  });
});

const transports = {
  Connect: createConnectTransport,
  "gRPC-Web": createGrpcWebTransport,
  gRPC: createGrpcTransport,
} as const;

describe.concurrent.each(Object.entries(transports))(
  "the log line of a call over %s has the code that the client got",
  (_, make) => {
    const to = (id: string) =>
      make({
        baseUrl: server.url,
        httpVersion: "2",
        interceptors: [
          (next) => (request) => {
            request.header.set("x-request-id", id);
            return next(request);
          },
        ],
      });

    test("for a message that is too large", async () => {
      const id = newId();
      const call = clients(to(id), "").sessions.signUp({ name: "x".repeat(2 * 1024 * 1024) });
      expect((await refusal(call)).code).toBe("ResourceExhausted");
      expect(await callLine(id)).toMatchObject({ code: "resource_exhausted" });
    });

    test("for a stream that its client cancels", async () => {
      const id = newId();
      const abort = new AbortController();
      const watcher = createClient(Health, to(id))
        .watch({}, { signal: abort.signal })
        [Symbol.asyncIterator]();
      await watcher.next();
      abort.abort();
      expect((await refusal(watcher.next())).code).toBe("Canceled");
      expect(await callLine(id)).toMatchObject({ method: "grpc.health.v1.Health/Watch", code: "canceled" });
    });

    test("for a health check of an unknown service", async () => {
      const id = newId();
      expect((await refusal(createClient(Health, to(id)).check({ service: "x" }))).code).toBe("NotFound");
      expect(await callLine(id)).toMatchObject({ method: "grpc.health.v1.Health/Check", code: "not_found" });
    });
  },
);

test("no token and no password is written to stdout, stderr or the log of Postgres", async () => {
  const owner = await signUpAt(server.url, "secret@example.com");
  const key = await issueKey(owner);
  const { apiKey: rotated } = await owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 60n } });
  const next = rotated?.spec?.token ?? "";
  const platform = clientsAt(server.url, site.token("platform-key"));
  await platform.tokens.verifyToken({ token: key.token });
  await platform.tokens.revokeToken({ token: key.token });
  await refusal(clientsAt(server.url, key.token).profiles.whoAmI({}));
  await refusal(signUpAt(server.url, "secret@example.com"));
  const [damaged, noToken] = [`${next.slice(0, -1)}-`, "hunter2-is-no-token"];

  for (const secret of [next, damaged, noToken]) {
    const attempts: [path: string, headers: Record<string, string>, body: string][] = [
      ["/latchkey.v1.ProfileService/WhoAmI", { authorization: `Bearer ${secret}` }, "{}"],
      ["/latchkey.v1.ProfileService/WhoAmI", { authorization: `Basic ${secret}` }, "{}"],
      ["/latchkey.v1.ProfileService/WhoAmI", { authorization: secret }, "{}"],
      ["/latchkey.v1.ProfileService/WhoAmI", { "latchkey-account": secret, cookie: secret }, "{}"],
      [`/latchkey.v1.ProfileService/${secret}`, {}, "{}"],
      [`/${secret}?token=${secret}`, {}, "{}"],
      ["/latchkey.v1.TokenService/RevokeToken", {}, `{"token":{"a":"${secret}"}}`],
      ["/latchkey.v1.TokenService/RevokeToken", {}, `{"${secret}":1}`],
      ["/latchkey.v1.TokenService/RevokeToken", {}, `{"token":"${secret}`],
      ["/latchkey.v1.SessionService/LogIn", {}, `{"email":"secret@example.com","password":"${secret}"}`],
      ["/latchkey.v1.SessionService/LogIn", {}, `{"email":"${secret}","password":7}`],
    ];
    for (const [path, headers, body] of attempts) {
      const all = { "content-type": "application/json", ...headers };
      await (await fetch(`${server.url}${path}`, { method: "POST", headers: all, body })).text();
    }
  }
  await server.stop();

  const written = site.written();
  const postgresPassword = readFileSync(join(site.dataDir, "postgres-password"), "utf8").trim();
  const tokens = [owner.token, key.token, next, site.token("platform-key"), site.token("verifier-key")];
  // The secret of a token is the part after the id. It is enough to search for that part.
  const secrets = tokens.map((token) => token.slice(token.lastIndexOf("_") + 27));
  for (const secret of [...secrets, damaged, noToken, password, postgresPassword]) {
    expect(secret.length).toBeGreaterThan(16);
    expect(written.includes(secret), `${secret.slice(0, 4)}… was written`).toBe(false);
  }
  expect(written).toContain(`"method":"latchkey.v1.SessionService/LogIn"`);
});

function newId(): string {
  calls += 1;
  return `call-${calls}`;
}

/** Creates clients of a bearer. All their calls have the request id `id`. */
function named(token: string) {
  const id = newId();
  const name: ReturnType<typeof bearer> = (next) => (request) => {
    request.header.set("x-request-id", id);
    return next(request);
  };
  return {
    id,
    clients: clients(
      createGrpcTransport({ baseUrl: server.url, interceptors: [bearer(token), name] }),
      token,
    ),
  };
}

/** Returns the log line of a request. Fails if there is more than one. */
async function callLine(requestId: string): Promise<LogLine> {
  const line = await server.logged((line) => line.requestId === requestId);
  expect(server.log().filter((other) => other.requestId === requestId)).toHaveLength(1);
  return line;
}
