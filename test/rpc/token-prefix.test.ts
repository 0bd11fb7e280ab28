import { expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, password, useApp } from "../support/app.ts";
import { serve } from "../support/net/http.ts";

const app = useApp({ LATCHKEY_TOKEN_PREFIX: "ps-" });
const rest = "[0-7][0-9a-hjkmnp-tv-z]{25}[0-9A-Za-z]{38}";

test("with a prefix that ends in -, every kind of token has - throughout and works", async () => {
  const owner = await app.newAccount();
  const live = await issueKey(owner);
  const testing = await issueKey(owner, { spec: { environment: Environment.TEST } });
  const { invite } = await owner.invites.createInvite({ email: "you@example.com", role: "viewer" });
  const { token: session } = await app.clientAs("").sessions.logIn({ email: owner.email, password });
  const tokens = {
    svc: app.platformToken,
    ses: session,
    live: live.token,
    test: testing.token,
    inv: invite?.spec?.token ?? "",
  };
  for (const [kind, token] of Object.entries(tokens)) {
    expect(token).toMatch(new RegExp(`^ps-${kind}-${rest}$`));
  }
  const platform = app.clientAs(app.platformToken);
  for (const token of [tokens.ses, tokens.live, tokens.test]) {
    expect((await platform.tokens.verifyToken({ token })).verdict).toBe(Verdict.VALID);
    const wrong = token.replaceAll("-", "_");
    expect((await platform.tokens.verifyToken({ token: wrong })).verdict).toBe(Verdict.INVALID);
  }
  expect((await owner.apiKeys.getApiKey({ id: live.id })).apiKey?.info?.tokens[0]?.hint).toMatch(/^ps-live-/);
  const { account } = await app.clientAs("").invites.acceptInvite({
    id: invite?.metadata?.id ?? "",
    token: tokens.inv,
    name: "You",
    password,
  });
  expect(account?.metadata?.id).toBe(owner.account.metadata?.id);
});

test("no log line contains a token with - as the separator", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const { token } = await issueKey(owner);
  await http.get(`/${token}?t=${token}`, {
    token,
    headers: { "x-request-id": token, "latchkey-account": token },
  });
  await expect.poll(() => app.logLines.join("")).toContain('"code":"unimplemented"');
  expect(app.logLines.join("")).not.toContain(token.slice(-38));
});
