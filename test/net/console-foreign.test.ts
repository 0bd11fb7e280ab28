import { expect, test } from "vitest";
import { issueKey, useApp } from "../support/app.ts";
import { fromOwnPage, openBrowser } from "../support/net/console.ts";

const app = useApp({ LATCHKEY_CORS_ORIGINS: "*" });

test("a form of a foreign page changes nothing", async () => {
  const { send, cookie } = await openBrowser(app);
  const count = () => app.db.selectFrom("api_key").select("id").execute();
  const before = await count();
  // What a browser sends with a form of another port of the same host: SameSite does not keep the cookie back.
  const sent = { cookie, origin: "null", "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate" };
  const paths = ["/v1/auth/logout", "/v1/account/api_keys", "/latchkey.v1.SessionService/LogOut"];
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    for (const path of paths) {
      const body = path.endsWith("keys") ? '{"metadata":{"name":"="}}' : "{}";
      const answer = await send({ path, headers: { ...sent, "content-type": type }, body });
      expect([401, 415], `${type} ${path}`).toContain(answer.status);
      expect(answer.headers).not.toHaveProperty("set-cookie");
    }
  }
  expect(await count()).toEqual(before);
  const whoAmI = { path: "/latchkey.v1.ProfileService/WhoAmI", headers: { ...fromOwnPage, cookie } };
  expect((await send(whoAmI)).status).toBe(200);
});

test("a preflight request does not allow the header of the console, also with LATCHKEY_CORS_ORIGINS=*", async () => {
  const { send } = await openBrowser(app);
  const headers = {
    origin: "https://evil.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,latchkey-console",
  };
  const path = "/latchkey.v1.ProfileService/WhoAmI";
  const answer = await send({ method: "OPTIONS", path, headers, body: undefined });
  expect(answer.headers["access-control-allow-headers"]).not.toContain("latchkey-console");
  expect(answer.headers).not.toHaveProperty("access-control-allow-credentials");
});

test("the endpoints of OAuth and of gateways read no cookie", async () => {
  const { send, cookie } = await openBrowser(app);
  const form = { ...fromOwnPage, cookie, "content-type": "application/x-www-form-urlencoded" };
  expect((await send({ path: "/v1/oauth/introspect", headers: form, body: "token=x" })).status).toBe(401);
  const { token: verifier } = await issueKey(app.clientAs(app.platformToken), {
    spec: { permissions: ["tokens:verify"] },
  });
  const headers = { ...fromOwnPage, cookie, "latchkey-verifier": verifier };
  expect((await send({ path: "/v1/forward_auth", headers })).status).toBe(401);
});
