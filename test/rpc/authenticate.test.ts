import { connect } from "node:net";
import { Code } from "@connectrpc/connect";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { checksum, mintToken } from "../../src/domain/kernel/token.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { type Refusal, refusal } from "../support/errors.ts";
import { detailOf, pathOf, serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const { whoAmI } = ProfileService.method;
const unauthenticated = { code: Code[Code.Unauthenticated] };
const denied = { code: Code[Code.PermissionDenied] };

const whoAmIAs = (token: string, headers: Record<string, string> = {}): Promise<Refusal> =>
  refusal(app.clientAs(token, headers).profiles.whoAmI({}));
const accountOf = (owner: Owner): string => owner.account.metadata?.id ?? "";

/** Returns a well-formed token of the same record with a wrong secret. */
function wrongSecret(token: string): string {
  const flipped = token.slice(0, -38) + (token.at(-38) === "a" ? "b" : "a") + token.slice(-37, -6);
  return flipped + checksum(flipped);
}

describe("a malformed token gets INVALID_API_KEY without a statement", () => {
  const good = mintToken("lk", "live", newId("key")).token;
  const session = mintToken("lk", "ses", newId("ses")).token;
  test.each<[name: string, token: string]>([
    ["garbage", "garbage"],
    ["a JWT", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."],
    ["a truncated token", good.slice(0, -1)],
    ["a token with more behind it", `${good}0`],
    ["a token with a flipped character", good.replace(/.(?=.{10}$)/, (one) => (one === "x" ? "y" : "x"))],
    ["a token with a flipped check", good.slice(0, -1) + (good.endsWith("0") ? "1" : "0")],
    ["a token in capitals", good.toUpperCase()],
    ["a token of another deployment", mintToken("acme", "live", newId("key")).token],
    ["a session of another deployment", mintToken("acme", "ses", newId("ses")).token],
    ["a truncated session token", session.slice(0, -3)],
    ["a token of an unknown kind", good.replace("_live_", "_root_")],
    ["a token as long as headers allow", `${good}${"a".repeat(12_000)}`],
    ["SQL", "';drop-table-api_key;--"],
  ])("%s", async (_name, token) => {
    let refused: Refusal | undefined;
    const statements = await app.statementsOf(async () => {
      refused = await whoAmIAs(token);
    });
    expect(refused).toMatchObject({ ...unauthenticated, reason: "INVALID_API_KEY" });
    expect(refused?.metadata).toEqual({});
    expect(statements).toEqual([]);
  });

  test.each(["Basic bGs6bGs=", "Bearer", "Bearer  ", "Bearer a b", "lk_live_x", "Token x"])(
    "the header %j",
    async (authorization) => {
      const statements = await app.statementsOf(async () => {
        const refused = await whoAmIAs("", { authorization });
        expect(refused).toMatchObject({ ...unauthenticated, reason: "INVALID_API_KEY" });
      });
      expect(statements).toEqual([]);
    },
  );
});

test("a call without the header gets MISSING_API_KEY, which names the header", async () => {
  const refused = await whoAmIAs("");
  expect(refused).toMatchObject({ ...unauthenticated, reason: "MISSING_API_KEY" });
  expect(refused.metadata).toEqual({ header: "authorization" });
  expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="latchkey"');
});

test("a wrong secret and an unknown id get the same error, which names the key id of the token", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const unknown = newId("key");
  const tokens = { [key.id]: wrongSecret(key.token), [unknown]: mintToken("lk", "live", unknown).token };
  for (const [id, token] of Object.entries(tokens)) {
    const refused = await whoAmIAs(token);
    expect(refused).toMatchObject({
      ...unauthenticated,
      reason: "INVALID_API_KEY",
      metadata: { key_id: id },
    });
    expect(refused.message).toBe("the bearer is unknown, wrong or malformed");
  }
});

test("an unknown session gets INVALID_SESSION, and an invite or reset token is never a bearer", async () => {
  const { token } = await app.newAccount();
  expect(await whoAmIAs(wrongSecret(token))).toMatchObject({ ...unauthenticated, reason: "INVALID_SESSION" });
  for (const kind of ["inv", "otp"] as const) {
    const refused = await whoAmIAs(mintToken("lk", kind, newId("inv")).token);
    expect(refused).toMatchObject({ ...unauthenticated, reason: "INVALID_API_KEY" });
    expect(refused.metadata).toEqual({});
  }
});

describe("only a token with the right secret gets the state of its key", () => {
  const past = sql<Date>`clock_timestamp() - interval '1 minute'`;
  test.each([
    ["EXPIRED_API_KEY", { expires_at: past }, "expired_at"],
    ["REVOKED_API_KEY", { revoked_at: past }, "revoked_at"],
    ["DISABLED_API_KEY", { disabled_at: past }, undefined],
    ["EXPIRED_API_KEY", { expires_at: past, revoked_at: past, disabled_at: past }, "expired_at"],
    ["REVOKED_API_KEY", { revoked_at: past, disabled_at: past }, "revoked_at"],
  ])("%s", async (reason, state, time) => {
    const owner = await app.newAccount();
    const key = await issueKey(owner);
    await app.db.updateTable("api_key").set(state).where("id", "=", key.id).execute();
    const refused = await whoAmIAs(key.token);
    expect(refused).toMatchObject({ ...unauthenticated, reason });
    expect(Object.keys(refused.metadata).sort()).toEqual(time ? [time, "key_id"].sort() : ["key_id"]);
    expect(refused.metadata.key_id).toBe(key.id);
    if (time) expect(Date.parse(refused.metadata[time] ?? "")).toBeLessThan(Date.now());
    const wrong = { reason: "INVALID_API_KEY", metadata: { key_id: key.id } };
    expect(await whoAmIAs(wrongSecret(key.token))).toMatchObject(wrong);
  });
});

test("a token that a rotation ended is revoked, and the error has the time", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  await owner.apiKeys.rotateApiKey({ id: key.id });
  const refused = await whoAmIAs(key.token);
  expect(refused).toMatchObject({ ...unauthenticated, reason: "REVOKED_API_KEY" });
  expect(refused.metadata).toEqual({ key_id: key.id, revoked_at: expect.stringMatching(/Z$/) });
});

describe("if several rules fail, the error is the first one of the table", () => {
  const mine = { permissions: ["agents:read"] };
  const list = (token: string, headers: Record<string, string> = {}) =>
    refusal(app.clientAs(token, headers).apiKeys.listApiKeys({}));

  test("first the state of the key, then the account, then the suspension, then the permissions", async () => {
    const owner = await app.newAccount();
    const key = await issueKey(owner, { spec: mine });
    const elsewhere = { "latchkey-account": newId("acct") };
    const account = accountOf(owner);
    expect(await list(key.token)).toMatchObject({ ...denied, reason: "PERMISSION_DENIED" });
    await app.db.updateTable("account").set({ suspended_at: new Date() }).where("id", "=", account).execute();
    const suspended = { ...denied, reason: "ACCOUNT_SUSPENDED", metadata: { account_id: account } };
    expect(await list(key.token)).toMatchObject(suspended);
    expect(await list(owner.token)).toMatchObject(suspended);
    expect(await list(key.token, elsewhere)).toMatchObject({ ...denied, reason: "ACCOUNT_MISMATCH" });
    await app.db.updateTable("api_key").set({ disabled_at: new Date() }).where("id", "=", key.id).execute();
    expect(await list(key.token, elsewhere)).toMatchObject({
      ...unauthenticated,
      reason: "DISABLED_API_KEY",
    });
    expect(await list(wrongSecret(key.token), elsewhere)).toMatchObject({ reason: "INVALID_API_KEY" });
  });
});

test("a call without the permission is rejected before any look-up, and the error names the permission", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  const metadata = { permission: "api_keys:manage" };
  const statements = await app.statementsOf(async () => {
    const refused = await refusal(app.clientAs(key.token).apiKeys.disableApiKey({ id: newId("key") }));
    expect(refused).toMatchObject({ ...denied, reason: "PERMISSION_DENIED", metadata });
  });
  // A background job may write the refusal meanwhile.
  expect(statements.filter((statement) => !statement.includes("audit_event"))).toHaveLength(1);
});

test("an error over HTTP has its status, its challenge and readable details", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const key = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  const missing = await http.post(whoAmI);
  expect([missing.status, missing.json.code]).toEqual([401, "unauthenticated"]);
  expect(missing.headers.get("www-authenticate")).toMatch(/^Bearer /);
  const info = { reason: "MISSING_API_KEY", domain: "latchkey", metadata: { header: "authorization" } };
  expect(detailOf(missing, "google.rpc.ErrorInfo")).toEqual(info);
  const invalid = await http.post(whoAmI, { token: "garbage" });
  expect(invalid.status).toBe(401);
  expect(invalid.headers.get("www-authenticate")).toBe('Bearer realm="latchkey", error="invalid_token"');
  const forbidden = await http.post(ApiKeyService.method.listApiKeys, { token: key.token });
  expect(forbidden.status).toBe(403);
  expect(forbidden.headers.has("www-authenticate")).toBe(false);
  expect(detailOf(forbidden, "google.rpc.ErrorInfo")).toMatchObject({ reason: "PERMISSION_DENIED" });
  const gone = await http.post(ApiKeyService.method.getApiKey, { token: owner.token, body: { id: "key_1" } });
  expect([gone.status, gone.json.code]).toEqual([404, "not_found"]);
  expect(gone.text).not.toContain("key_1");
  expect((await http.post(ApiKeyService.method.getApiKey, { token: owner.token })).status).toBe(400);
});

test("a call with an invalid token is rejected before its body is read, whatever the length of the body", async () => {
  const http = await serve(app);
  for (const body of ["Content-Length: 900000000000", "Transfer-Encoding: chunked"]) {
    const answered = new Promise<string>((resolve, reject) => {
      const socket = connect(http.port, "127.0.0.1", () => {
        socket.write(
          `POST ${pathOf(ApiKeyService.method.createApiKey)} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
            `Authorization: Bearer garbage\r\n${body}\r\n\r\n`,
        );
      });
      socket.once("error", reject);
      socket.once("data", (bytes) => {
        resolve(bytes.toString());
        socket.destroy();
      });
    });
    expect(await answered).toMatch(/^HTTP\/1\.1 401 [\s\S]*INVALID_API_KEY/);
  }
});
