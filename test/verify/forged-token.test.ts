import type { DescMethod } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { logIn } from "../support/actors/actors.ts";
import { issueKey } from "../support/app.ts";
import { pathOf } from "../support/net/http.ts";
import { connectRaw, openTestPort } from "../support/net/net.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const { verifyToken, batchVerifyTokens } = TokenService.method;
const { whoAmI } = ProfileService.method;
const { listSessions } = SessionService.method;

/** Returns the bytes of a response, without its date. */
async function bytesOf(port: number, method: DescMethod, body: unknown, bearer: string): Promise<string> {
  const json = JSON.stringify(body);
  const { closed } = await connectRaw(
    port,
    [
      `POST ${pathOf(method)} HTTP/1.1`,
      "host: localhost",
      "connection: close",
      "content-type: application/json",
      "x-request-id: the-same",
      `content-length: ${json.length}`,
      `authorization: Bearer ${bearer}`,
      "",
      json,
    ].join("\r\n"),
  );
  const response = await closed;
  expect(response).toMatch(/^HTTP\/1\.1 (200|401) /);
  return response.replace(/^date: .* GMT\r$/im, "date\r");
}

/** Returns the responses to every kind of request about a token, and to requests with it as the bearer. */
async function responsesTo(port: number, token: string, tenant: string): Promise<string[]> {
  const requests = { requests: [{ token }, { token, dryRun: true }, { token, fresh: true }] };
  const send = async () => [
    await bytesOf(port, verifyToken, { token }, app.platformToken),
    await bytesOf(port, verifyToken, { token }, tenant),
    await bytesOf(port, batchVerifyTokens, requests, app.platformToken),
    await bytesOf(port, batchVerifyTokens, requests, tenant),
    await bytesOf(port, whoAmI, {}, token),
    await bytesOf(port, listSessions, {}, token),
  ];
  // The first responses come from the database. The second may come from the cache.
  return [...(await send()), ...(await send())];
}

const forge = (kind: "live" | "ses", id: string) => mintToken("lk", kind, id).token;

describe("the response to a forged secret equals, byte for byte, the response to an unknown id", () => {
  test.each(["live", "disabled", "revoked", "expired", "of a suspended account"])(
    "for a key: %s",
    async (state) => {
      const [owner, verifier] = [await app.newAccount(), await app.newAccount()];
      const { id } = await issueKey(owner);
      const tenant = (await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token;
      const other = (await issueKey(verifier, { spec: { permissions: ["tokens:verify"] } })).token;
      if (state === "disabled") await owner.apiKeys.disableApiKey({ id });
      if (state === "revoked") await owner.apiKeys.revokeApiKey({ id });
      if (state === "expired") {
        await app.db
          .updateTable("api_key")
          .set({ expires_at: new Date(0) })
          .where("id", "=", id)
          .execute();
      }
      const accountId = owner.account.metadata?.id;
      const suspended = state === "of a suspended account";
      if (suspended) await app.clientAs(app.platformToken).accounts.suspendAccount({ accountId });

      const { port } = await openTestPort({ handler: app.app.handler, plain: app.app.plain });
      const token = forge("live", id);
      const caller = suspended ? other : tenant;
      const forged = await responsesTo(port, token, caller);
      await app.db.deleteFrom("api_key_token").where("api_key_id", "=", id).execute();
      await app.db.deleteFrom("api_key").where("id", "=", id).execute();
      expect(await responsesTo(port, token, caller)).toEqual(forged);
      expect(forged[0]).toContain("VERDICT_INVALID");
      expect(forged[4]).toContain("INVALID_API_KEY");
    },
  );

  test.each(["live", "logged out", "expired"])("for a session: %s", async (state) => {
    const owner = await app.newAccount();
    const tenant = (await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token;
    const session = await logIn(app, owner.email);
    const { items } = await session.sessions.listSessions({});
    const id = items.find(({ current }) => current)?.id ?? "";
    if (state === "logged out") await session.sessions.logOut({});
    if (state === "expired") {
      await app.db
        .updateTable("session")
        .set({ expires_at: new Date(0) })
        .where("id", "=", id)
        .execute();
    }

    const { port } = await openTestPort({ handler: app.app.handler, plain: app.app.plain });
    const token = forge("ses", id);
    const forged = await responsesTo(port, token, tenant);
    await app.app.flush();
    await app.db.deleteFrom("session_use").where("session_id", "=", id).execute();
    await app.db.deleteFrom("session").where("id", "=", id).execute();
    expect(await responsesTo(port, token, tenant)).toEqual(forged);
    expect(forged[0]).toContain("VERDICT_INVALID");
    expect(forged[4]).toContain("INVALID_SESSION");
  });
});
