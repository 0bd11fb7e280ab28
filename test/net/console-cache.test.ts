import { describe, expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { password } from "../support/app.ts";
import { fromOwnPage, openBrowser } from "../support/net/console.ts";
import { pathOf, serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

describe.each([
  ["on the fast path", {}],
  ["in the router", { "accept-encoding": "identity;q=1" }],
])("%s", (_, headers) => {
  test("no cache keeps a response that may contain a token", async () => {
    const { token, email } = await app.newAccount();
    const { post, url } = await serve(app);
    const logIn = await post(SessionService.method.logIn, { body: { email, password }, headers });
    expect(logIn.headers.get("cache-control")).toBe("no-store");
    const body = { metadata: { name: "a key" } };
    const made = await post(ApiKeyService.method.createApiKey, { token, body, headers });
    expect([made.status, made.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const query = "?connect=v1&encoding=json&message=%7B%7D";
    const list = await fetch(`${url}${pathOf(ApiKeyService.method.listApiKeys)}${query}`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    expect([list.status, list.headers.get("cache-control")]).toEqual([200, "no-store"]);
  });

  test("no cache keeps a response to the console, also one without a token", async () => {
    const { send, cookie } = await openBrowser(app);
    const answer = await send({
      path: "/latchkey.v1.ProfileService/WhoAmI",
      headers: { ...fromOwnPage, ...headers, cookie },
    });
    expect([answer.status, answer.headers["cache-control"]]).toEqual([200, "no-store"]);
  });
});
