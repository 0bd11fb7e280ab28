import { describe, expect, test } from "vitest";
import { useApp } from "../support/app.ts";
import type { RawRequest } from "../support/http-json/raw.ts";
import { fromOwnPage, openBrowser, reasonOf } from "../support/net/console.ts";
import { cases, openScene } from "../support/net/console-cases.ts";

const app = useApp({ LATCHKEY_CORS_ORIGINS: "*" });

// Every way of a call through the server. A weight in `Accept-Encoding` is beyond the fast path.
const connect = { path: "/latchkey.v1.ApiKeyService/CreateApiKey" };
const ways: Record<string, RawRequest> = {
  "Connect on the fast path": connect,
  "Connect in the router": { ...connect, headers: { "accept-encoding": "identity;q=1" } },
  "plain HTTP": { path: "/v1/account/api_keys" },
};

describe.each([1, 2] as const)("over HTTP/%i", (version) => {
  test.each(Object.entries(ways))("%s: each condition of the cookie is necessary", async (way, request) => {
    const scene = await openScene(app, version);
    const isPlain = way === "plain HTTP";
    const made: string[] = [];
    for (const one of cases) {
      // These types reach no method of Connect.
      if (!isPlain && one.outcome === "INVALID_ARGUMENT" && one.headers && "content-type" in one.headers)
        continue;
      const changed = typeof one.headers === "function" ? one.headers(scene) : (one.headers ?? {});
      const all = { ...fromOwnPage, cookie: scene.cookie, ...request.headers, ...changed };
      const headers = Object.fromEntries(
        Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
      );
      const body = JSON.stringify({ metadata: { name: `key ${made.length}` } });
      const answer = await scene.send({ ...request, headers, body });
      const json = answer.json as { metadata?: Made; apiKey?: { metadata?: Made } };
      const { accountId, id = "" } = json?.metadata ?? json?.apiKey?.metadata ?? {};
      if (accountId !== undefined) made.push(id);
      const isOther = accountId === scene.other.account.metadata?.id;
      const outcome = answer.status === 200 ? (isOther ? "other" : "own") : reasonOf(answer);
      const expected = (isPlain && one.onPlainHttp) || one.outcome;
      expect({ outcome, cookie: answer.headers["set-cookie"] }, one.name).toEqual({
        outcome: expected,
        cookie: undefined,
      });
      if (headers["latchkey-console"]) expect(answer.headers["cache-control"], one.name).toBe("no-store");
    }
    const stored = await app.db.selectFrom("api_key").select("id").where("id", "in", made).execute();
    expect(stored).toHaveLength(made.length);
  });

  test("the cookie authenticates no GET and no HEAD", async () => {
    const { send, cookie } = await openBrowser(app, version);
    const headers = { ...fromOwnPage, cookie };
    const connectGet = "/latchkey.v1.ProfileService/WhoAmI?connect=v1&encoding=json&message=%7B%7D";
    for (const path of [connectGet, "/v1/whoami", "/v1/account/api_keys"]) {
      const { "content-type": _, ...get } = headers;
      expect((await send({ method: "GET", path, headers: get, body: undefined })).status, path).toBe(401);
    }
    const head = { method: "HEAD", path: "/v1/whoami", headers, body: undefined };
    expect((await send(head)).status).toBe(401);
    const whoAmI = { path: "/latchkey.v1.ProfileService/WhoAmI", headers };
    expect((await send(whoAmI)).status).toBe(200);
  });

  test.each(["application/grpc-web+json", "application/grpc-web+proto", "application/connect+json"])(
    "the cookie does not authenticate a call of the type %s",
    async (type) => {
      const { send, cookie } = await openBrowser(app, version);
      const path = "/latchkey.v1.ProfileService/WhoAmI";
      const body = new Uint8Array([0, 0, 0, 0, 2, 0x7b, 0x7d]);
      const headers = { ...fromOwnPage, cookie, "content-type": type };
      const { status, bytes, ...answer } = await send({ path, headers, body });
      const text = bytes.toString();
      expect(text).not.toContain("A person");
      if (type.startsWith("application/connect")) expect(status).toBe(415);
      else expect(`${answer.headers["grpc-status"]} ${text}`).toMatch(/^[1-9]|grpc-status: [1-9]/);
    },
  );
});

interface Made {
  id: string;
  accountId: string;
}
