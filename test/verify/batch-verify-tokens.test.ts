import { sql } from "kysely";
import { expect, test, vi } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { type Clients, issueKey, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();
const platform = (): Clients => app.clientAs(app.platformToken);

test("a batch has its responses in the order of its requests, with garbage and repeated tokens too", async () => {
  const owner = await app.newAccount();
  const keys = [await issueKey(owner), await issueKey(owner), await issueKey(owner)];
  await owner.apiKeys.disableApiKey({ id: keys[1]?.id ?? "" });
  const tokens = ["garbage", ...keys.map((key) => key.token), "", ...keys.map((key) => key.token)];
  const requests = tokens.map((token) => ({ token: token || "more garbage" }));
  const { responses } = await platform().tokens.batchVerifyTokens({ requests });
  const verdicts = [Verdict.VALID, Verdict.DISABLED, Verdict.VALID];
  expect(responses.map((one) => one.verdict)).toEqual([
    Verdict.INVALID,
    ...verdicts,
    Verdict.INVALID,
    ...verdicts,
  ]);
  expect(responses.map((one) => one.principal?.keyId)).toEqual([
    undefined,
    ...keys.map((key, index) => (index === 1 ? undefined : key.id)),
    undefined,
    ...keys.map((key, index) => (index === 1 ? undefined : key.id)),
  ]);
});

test("tokens that are not in the cache cost one statement that writes nothing, for one token and for a hundred", async () => {
  const owner = await app.newAccount();
  const tokens: string[] = [];
  while (tokens.length < 100) tokens.push((await issueKey(owner)).token);
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  for (const caller of [platform(), app.clientAs(verifier.token)]) {
    // If the lease expires under load, the instance also looks the caller up. Then the test measures again.
    await vi.waitFor(() => expectOneStatement(caller, tokens), { timeout: 20_000 });
    const garbage = () => app.statementsOf(() => caller.tokens.verifyToken({ token: "garbage" }));
    await expect.poll(garbage).toEqual([]);
  }
});

async function expectOneStatement(caller: Clients, tokens: readonly string[]): Promise<void> {
  const [token = ""] = tokens;
  await caller.profiles.whoAmI({});
  const one = await app.statementsOf(() => caller.tokens.verifyToken({ token, fresh: true }));
  const hundred = await app.statementsOf(async () => {
    const requests = tokens.map((each) => ({ token: each, fresh: true }));
    const { responses } = await caller.tokens.batchVerifyTokens({ requests });
    expect(responses.filter((response) => response.valid)).toHaveLength(100);
  });
  expect(one).toHaveLength(1);
  // Known ids do not wait for ids that this instance has never seen, so there may be two statements.
  expect(hundred.length).toBeLessThanOrEqual(2);
  for (const statement of [...one, ...hundred]) {
    expect(statement.trim()).toMatch(/^(with|select)\b(?!.*\b(for (update|share)|insert|update|delete)\b)/s);
  }
}

test("a batch of 101 requests and an empty batch are rejected", async () => {
  for (const length of [0, 101]) {
    const requests = Array.from({ length }, () => ({ token: "x" }));
    expect(await refusal(platform().tokens.batchVerifyTokens({ requests }))).toMatchObject({
      code: "InvalidArgument",
      violations: [{ field: "requests" }],
    });
  }
});

test("the error of a batch names every invalid field by the index of its request", async () => {
  const good = { token: "x" };
  const bad = { token: "x", requiredPermissions: ["agents", "agents:read", "a:b:c"] };
  const refused = await refusal(platform().tokens.batchVerifyTokens({ requests: [good, good, bad, bad] }));
  expect(refused.code).toBe("InvalidArgument");
  expect(refused.violations.map(({ field }) => field)).toEqual([
    "requests[2].required_permissions[0]",
    "requests[2].required_permissions[2]",
    "requests[3].required_permissions[0]",
    "requests[3].required_permissions[2]",
  ]);
  const rules = { requests: [good, { token: "", accountId: "a b", requiredEntitlements: ["Real-Time"] }] };
  const byRules = await refusal(platform().tokens.batchVerifyTokens(rules));
  expect(byRules.violations.map(({ field }) => field).sort()).toEqual([
    "requests[1].account_id",
    "requests[1].required_entitlements[0]",
    "requests[1].token",
  ]);
  const one = await refusal(platform().tokens.verifyToken(bad));
  expect(one.violations.map(({ field }) => field)).toEqual([
    "required_permissions[0]",
    "required_permissions[2]",
  ]);
});

test("a valid verification records the last use of the token, and a dry run or a negative verdict records nothing", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  const lastUsed = async () => {
    await app.app.flush();
    const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
    expect(apiKey?.info?.tokens[0]?.lastUsedAt).toEqual(apiKey?.info?.lastUsedAt);
    return apiKey?.info?.lastUsedAt;
  };
  const verify = (requirements: object) =>
    platform().tokens.verifyToken({ token: key.token, ...requirements });
  expect(await verify({ dryRun: true })).toMatchObject({ valid: true });
  expect(await verify({ requiredPermissions: ["agents:write"] })).toMatchObject({ valid: false });
  expect(await lastUsed()).toBeUndefined();
  expect(await verify({})).toMatchObject({ valid: true });
  const used = await lastUsed();
  expect(Math.abs(Number(used?.seconds) - Date.now() / 1000)).toBeLessThan(10);
});

test("each of two overlapping tokens has its own time of last use", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  await owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 60n } });
  await platform().tokens.verifyToken({ token: key.token });
  await app.app.flush();
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey?.info?.tokens.map((token) => token.lastUsedAt !== undefined)).toEqual([true, false]);
});

test("a session that is verified counts as used", async () => {
  const owner = await app.newAccount();
  await app.app.flush();
  await sql`delete from session_use`.execute(app.db);
  await platform().tokens.verifyToken({ token: owner.token });
  await app.app.flush();
  expect(await app.db.selectFrom("session_use").selectAll().execute()).toHaveLength(1);
});
