import { beforeAll, expect, test } from "vitest";
import { Environment } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { AnsweredBy, type Explanation } from "../../../gen/latchkey/v1/explanation_pb.ts";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { mintToken } from "../../../src/domain/kernel/token.ts";
import {
  newDeveloperKey,
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
} from "../../support/actors/actors.ts";
import { type Clients, issueKey, newWorkspace, type Owner } from "../../support/app.ts";
import { brief, sourcesOf } from "../../support/explanation.ts";
import { useSharedApp } from "../../support/shared-app.ts";

const presets = [
  { name: "operator", description: "", permissions: ["*:run", "agents:write"] },
  { name: "watcher", description: "", permissions: ["logs:read"] },
];
const app = useSharedApp({ LATCHKEY_PERMISSION_SETS: JSON.stringify(presets) });
let owner: Owner;
let verifier: Clients;
beforeAll(async () => {
  owner = await app.newAccount();
  verifier = app.clientAs((await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token);
});

type Request = Parameters<Clients["tokens"]["verifyToken"]>[0];

/** Returns the explanation of a token to the verifier, and its verdict. */
async function explained(request: Request, caller = verifier) {
  const { explanation, ...response } = await caller.tokens.verifyToken({ ...request, dryRun: true });
  if (!explanation) throw new Error("a response with dry_run has no explanation");
  return { ...response, ...explanation };
}
const accountId = () => owner.account.metadata?.id ?? "";

test("dry_run lists every rule with its outcome, in the order of precedence", async () => {
  const workspaceId = await newWorkspace(owner);
  const key = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  const request = {
    token: key.token,
    workspaceId,
    environment: Environment.LIVE,
    requiredPermissions: ["agents:read", "agents:write", "runs:start"],
    requiredEntitlements: ["realtime"],
  };
  const response = await explained(request);
  expect(brief(response.rules)).toEqual([
    "token ok",
    "expiry ok",
    "revocation ok",
    "disabling ok",
    "account ok",
    "suspension ok",
    "environment ok live",
    `workspace WORKSPACE_FORBIDDEN ${workspaceId}`,
    "permission ok agents:read",
    "permission PERMISSION_DENIED agents:write",
    "permission PERMISSION_DENIED runs:start",
    "entitlement ENTITLEMENT_REQUIRED realtime",
  ]);
  const failed = response.rules.filter(({ passed }) => !passed);
  expect(failed.map(({ verdict, metadata }) => ({ verdict, metadata }))).toEqual(
    response.failedRules.map(({ verdict, metadata }) => ({ verdict, metadata })),
  );
  expect(failed[0]?.message).toBe(
    `The bearer may not enter the workspace ${workspaceId}, or it does not exist.`,
  );
  expect(await verifier.tokens.verifyToken(request)).not.toHaveProperty("explanation");
});

test("a response with dry_run names everything of a kind that is missing", async () => {
  const { token } = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  const requiredPermissions = ["agents:read", "agents:write", "runs:start"];
  const missing = { permission: "agents:write", permissions: "agents:write,runs:start" };
  expect((await explained({ token, requiredPermissions })).metadata).toEqual(missing);
  expect((await verifier.tokens.verifyToken({ token, requiredPermissions })).metadata).toEqual({
    permission: "agents:write",
  });
  const requiredEntitlements = ["realtime", "exports"];
  expect((await explained({ token, requiredEntitlements })).metadata).toEqual({
    entitlement: "realtime",
    entitlements: "realtime,exports",
  });
});

test("the permissions of an application key come from its own list, which may equal a preset", async () => {
  const { token, id } = await issueKey(owner, {
    metadata: { name: "reader" },
    spec: { permissions: ["operator", "read", "invoices:write"] },
  });
  const response = await explained({ token, requiredPermissions: ["agents:read"] });
  expect(sourcesOf(response)).toEqual([
    "agents:read < OWN_LIST reader *:read read",
    "*:read < OWN_LIST reader *:read read",
    "*:run < OWN_LIST reader *:run operator",
    "agents:write < OWN_LIST reader agents:write operator",
    "invoices:write < OWN_LIST reader invoices:write",
  ]);
  expect(response.permissionSources.every((source) => source.id === id)).toBe(true);
  expect(response.morePermissionSources).toBe(false);
});

test("the permissions of a service key come from its own list and the roles of its team", async () => {
  const roles = [await newRole(owner, "Runner", "runs:*"), await newRole(owner, "Reader", "*:read")];
  const team = await newTeam(owner, "Robots", ...roles);
  const robot = await newServiceAccount(owner, "robot", team);
  const spec = { permissions: ["runs:start", "invoices:write"] };
  const { token } = await newServiceKey(app, owner, robot.id, spec);
  const requiredPermissions = ["runs:start", "invoices:write", "runs:stop", "users:write"];
  const response = await explained({ token, requiredPermissions });
  expect(sourcesOf(response)).toEqual([
    "runs:start < OWN_LIST a key runs:start",
    "runs:start < TEAM Runner in Robots runs:*",
    "invoices:read < OWN_LIST a key invoices:write",
    "invoices:read < TEAM Reader in Robots *:read read",
  ]);
  expect(response.permissionSources[1]).toMatchObject({ id: roles[0], teamId: team });
  expect(response.rules.filter(({ passed }) => !passed).map(({ message }) => message)).toEqual([
    "The bearer does not hold invoices:write. The own list of the key includes it, but its owner does not hold it.",
    "The bearer does not hold runs:stop. Its owner holds it, but the own list of the key does not include it.",
    "The bearer does not hold users:write. Neither the own list of the key nor its owner has it.",
  ]);
});

test("the permissions of a person come from their role and their teams", async () => {
  const [role, other] = [
    await newRole(owner, "Author", "agents:write"),
    await newRole(owner, "Ops", "runs:start"),
  ];
  const team = await newTeam(owner, "Night shift", other);
  const member = await newMember(app, owner, role);
  await owner.teams.addTeamMember({ id: team, profileId: member.profileId });
  const session = await explained({ token: member.token });
  const ofPerson = [
    "agents:write < ROLE Author agents:write",
    "runs:start < TEAM Ops in Night shift runs:start",
  ];
  expect(sourcesOf(session)).toEqual(ofPerson);
  expect(brief(session.rules)).toEqual(
    ["token", "expiry", "revocation", "account", "suspension"].map((name) => `${name} ok`),
  );
  const key = await newDeveloperKey(app, member);
  expect(sourcesOf(await explained({ token: key.token }))).toEqual([
    "agents:write < OWN_LIST a key * admin",
    ofPerson[0],
    "runs:start < OWN_LIST a key * admin",
    ofPerson[1],
  ]);
});

test("dry_run lists every limit and the credits of a key with what is left, and takes nothing", async () => {
  const limit = (name: string, most: number) => ({ name, limit: most, period: { seconds: 86_400n } });
  const spec = { permissions: ["agents:read"], rateLimits: [limit("wide", 9), limit("narrow", 2)] };
  const { id, token } = await issueKey(owner, { spec });
  const { accounts } = app.clientAs(app.platformToken);
  await accounts.setCredits({ accountId: accountId(), keyId: id, credits: { remaining: 3 } });
  const drawn = ({ rules }: Explanation) =>
    rules
      .filter(({ name }) => name === "rate_limit" || name === "credits")
      .map(({ name, passed, verdict, metadata }) => {
        expect(passed).toBe(verdict === Verdict.VALID);
        return `${metadata.name ?? name}: ${metadata.remaining} of ${metadata.limit}${passed ? "" : " refuses"}`;
      });
  for (let n = 0; n < 2; n++) expect((await explained({ token })).valid).toBe(true);
  expect(drawn(await explained({ token }))).toEqual(["narrow: 2 of 2", "wide: 9 of 9", "credits: 3 of 3"]);
  for (let n = 0; n < 2; n++) expect((await verifier.tokens.verifyToken({ token })).valid).toBe(true);
  const refused = await explained({ token });
  expect(drawn(refused)).toEqual(["narrow: 0 of 2 refuses", "wide: 7 of 9", "credits: 1 of 3"]);
  expect(refused).toMatchObject({ verdict: Verdict.RATE_LIMITED, metadata: { name: "narrow" } });
  const lacking = await explained({ token, requiredPermissions: ["agents:write"], cost: 2 });
  expect(lacking.verdict).toBe(Verdict.PERMISSION_DENIED);
  expect(drawn(lacking)).toEqual(["narrow: 0 of 2 refuses", "wide: 7 of 9", "credits: 1 of 3 refuses"]);
  expect(lacking.failedRules.map(({ verdict }) => verdict)).toEqual([
    Verdict.PERMISSION_DENIED,
    Verdict.RATE_LIMITED,
    Verdict.QUOTA_EXCEEDED,
  ]);
  await owner.apiKeys.disableApiKey({ id });
  expect(drawn(await explained({ token }))).toEqual([]);
});

test("an explanation says whether the cache or the database gave the verdict", async () => {
  const { token } = await issueKey(owner);
  const answers = [];
  for (const fresh of [false, false, true]) answers.push((await explained({ token, fresh })).answeredBy);
  expect(answers).toEqual([AnsweredBy.DATABASE, AnsweredBy.CACHE, AnsweredBy.DATABASE]);
  const garbage = await explained({ token: "garbage" });
  expect(garbage).toMatchObject({ answeredBy: AnsweredBy.UNSPECIFIED, rules: [{ name: "token" }] });
});

test("an explanation says nothing about the permissions of a token that is not alive", async () => {
  const other = await app.newAccount();
  const tokens: [string, string[]][] = [
    [mintToken("lk", "live", (await issueKey(owner)).id).token, ["token"]],
    [(await issueKey(other)).token, ["token"]],
    [other.token, ["token"]],
  ];
  for (const end of ["revokeApiKey", "disableApiKey"] as const) {
    const { id, token } = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
    await owner.apiKeys[end]({ id });
    tokens.push([token, [end === "revokeApiKey" ? "revocation" : "disabling"]]);
  }
  for (const [token, failed] of tokens) {
    const response = await explained({ token, requiredPermissions: [] });
    expect(response.rules.filter(({ passed }) => !passed).map(({ name }) => name)).toEqual(failed);
    expect(response).toMatchObject({ permissionSources: [], morePermissionSources: false });
    if (failed[0] === "token") expect(response.answeredBy).toBe(AnsweredBy.UNSPECIFIED);
  }
  const request = { token: (await issueKey(other)).token, accountId: accountId() };
  const ended = await explained(request, app.clientAs(app.platformToken));
  expect(ended).toMatchObject({ verdict: Verdict.ACCOUNT_MISMATCH, permissionSources: [] });
});

test("the sources of a batch are bounded together, and one statement reads them", async () => {
  const permissions = Array.from({ length: 200 }, (_, n) => `resource${n}:write`);
  const { token } = await issueKey(owner, { spec: { permissions } });
  const alone = await explained({ token });
  expect([alone.permissionSources.length, alone.morePermissionSources]).toEqual([200, false]);
  const requests = Array.from({ length: 20 }, () => ({ token, dryRun: true }));
  const explaining = async () => {
    const { responses } = await verifier.tokens.batchVerifyTokens({ requests });
    const all = responses.map(({ explanation }) => explanation);
    expect(all.every((one) => one?.morePermissionSources)).toBe(true);
    expect(all.flatMap((one) => one?.permissionSources).length).toBeLessThanOrEqual(2_048);
    expect(all[19]?.permissionSources.length).toBeGreaterThan(50);
  };
  // Without a lease, the instance also loads the caller and the token.
  await expect.poll(() => app.statementsOf(explaining)).toHaveLength(1);
});

test("a batch with too many requirements to explain is refused", async () => {
  const { token } = await issueKey(owner);
  const requiredPermissions = Array.from({ length: 64 }, (_, n) => `resource${n}:read`);
  const requiredEntitlements = Array.from({ length: 64 }, (_, n) => `entitlement${n}`);
  const batchOf = (dryRun: boolean) => ({
    requests: Array.from({ length: 100 }, () => ({
      token,
      requiredPermissions,
      requiredEntitlements,
      dryRun,
    })),
  });
  await verifier.tokens.batchVerifyTokens(batchOf(false));
  await expect(verifier.tokens.batchVerifyTokens(batchOf(true))).rejects.toThrow(/verify fewer tokens/);
});
