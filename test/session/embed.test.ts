import { expect, test } from "vitest";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { accountIdOf, denied, naming, newActing, useTenant } from "../support/actors/acting.ts";
import { systemKeyOf } from "../support/actors/api-key.ts";
import { embed, keysPermissions, newEmbedded } from "../support/actors/embed.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tenant = useTenant(app);
const platform = () => app.clientAs(app.platformToken);

test("an embed session acts in the account as its system profile, with its permissions in its workspaces only", async () => {
  const workspaceId = await newWorkspace(tenant.owner);
  await newWorkspace(tenant.owner);
  const session = await newEmbedded(app, tenant.owner, {
    permissions: ["agents:read", "api_keys:read"],
    workspaceIds: [workspaceId],
  });
  const { principal, profile } = await session.profiles.whoAmI({});
  expect(profile?.spec?.type).toBe(ProfileType.SYSTEM);
  expect(principal).toMatchObject({
    accountId: tenant.accountId,
    userId: "",
    keyId: session.acting.keyId,
    permissions: ["agents:read", "api_keys:read"],
    workspaceScope: WorkspaceScope.SELECTED,
    workspaceIds: [workspaceId],
  });
  await session.apiKeys.listApiKeys({});
  expect(await refusal(issueKey(session))).toMatchObject(denied("api_keys:write"));
  expect(await refusal(session.audit.listAuditEvents({}))).toMatchObject(denied("audit:read"));
});

test("an embed session does not show the name and the labels of the platform key", async () => {
  const made = { metadata: { name: "Internal name", labels: { team: "billing" } } };
  const { token } = await issueKey(platform(), { ...made, spec: { permissions: ["accounts:act"] } });
  const session = await embed(app, naming(app, token, tenant.accountId));
  const { principal } = await session.profiles.whoAmI({});
  expect(principal).toMatchObject({ keyName: "", keyLabels: {}, keyExternalId: "" });
});

test("lists without entries give no permission and no workspace", async () => {
  const session = await newEmbedded(app, tenant.owner, { permissions: [], workspaceIds: [] });
  const { principal } = await session.profiles.whoAmI({});
  expect(principal).toMatchObject({
    permissions: [],
    workspaceIds: [],
    workspaceScope: WorkspaceScope.SELECTED,
  });
});

test("a session lasts 1 to 15 minutes, 15 by default, and never longer than its key", async () => {
  const acting = await newActing(app, tenant.accountId);
  const secondsOf = async (by: typeof acting, seconds?: number) => {
    const lifetime = seconds === undefined ? {} : { lifetime: { seconds: BigInt(seconds) } };
    const { expiresAt } = await by.sessions.createEmbedSession(lifetime);
    return Math.round(Number(expiresAt?.seconds) - Date.now() / 1000);
  };
  expect(Math.abs((await secondsOf(acting)) - 900)).toBeLessThan(30);
  expect(Math.abs((await secondsOf(acting, 60)) - 60)).toBeLessThan(30);
  for (const seconds of [0, 59, 901]) {
    const { violations } = await refusal(secondsOf(acting, seconds));
    expect(violations.map(({ field }) => field)).toEqual(["lifetime"]);
  }
  const expiresAt = { seconds: BigInt(Math.floor(Date.now() / 1000) + 120), nanos: 0 };
  const ending = await issueKey(platform(), { spec: { permissions: ["accounts:act"], expiresAt } });
  const made = await naming(app, ending.token, tenant.accountId).sessions.createEmbedSession({});
  expect(made.expiresAt).toMatchObject({ seconds: expiresAt.seconds });
});

test("WhoAmI says when the bearer expires: for a session, a key, and a token that a rotation superseded", async () => {
  const endOf = async (token: string, accountId = tenant.accountId) =>
    (await naming(app, token, accountId).profiles.whoAmI({})).endsAt;
  const acting = await newActing(app, tenant.accountId);
  const embedded = await acting.sessions.createEmbedSession({ lifetime: { seconds: 120n } });
  expect(Number((await endOf(embedded.token))?.seconds)).toBe(Number(embedded.expiresAt?.seconds));
  const expiresAt = { seconds: BigInt(Math.floor(Date.now() / 1000) + 90), nanos: 0 };
  const ending = await issueKey(platform(), { spec: { permissions: ["accounts:act"], expiresAt } });
  const short = await naming(app, ending.token, tenant.accountId).sessions.createEmbedSession({});
  expect(await endOf(short.token)).toMatchObject(expiresAt);
  const key = await issueKey(tenant.owner);
  expect(await endOf(key.token)).toBeUndefined();
  await tenant.owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 600n } });
  const left = Number((await endOf(key.token))?.seconds) - Date.now() / 1000;
  expect(Math.abs(left - 600)).toBeLessThan(30);
});

test("the event of a session names the platform key, and nothing stored contains the token", async () => {
  const session = await newEmbedded(app, tenant.owner, { permissions: ["api_keys:write"] });
  const { items } = await tenant.owner.audit.listAuditEvents({ resourceId: session.id });
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({
    via: "platform",
    keyId: session.acting.keyId,
    resourceType: "embed_session",
    method: "latchkey.v1.SessionService/CreateEmbedSession",
    after: { permissions: ["api_keys:write"], workspace_ids: [] },
  });
  const { id } = await issueKey(session);
  const events = await tenant.owner.audit.listAuditEvents({ resourceId: id });
  expect(events.items[0]).toMatchObject({ via: "platform", keyId: session.acting.keyId });
  const rows = await app.db.selectFrom("embed_session").selectAll().execute();
  expect(
    JSON.stringify([rows, items, events.items, app.logLines], (_, value) =>
      typeof value === "bigint" ? String(value) : value,
    ),
  ).not.toContain(session.token.slice(-38, -6));
});

test("a session cannot hold a permission or a workspace that its key does not hold", async () => {
  const acting = await newActing(app, tenant.accountId, "api_keys:write");
  const wide = (permissions: string[], workspaceIds: string[] = []) =>
    refusal(acting.sessions.createEmbedSession({ permissions, workspaceIds }));
  expect(await wide(["api_keys:manage"])).toMatchObject(denied("api_keys:manage"));
  expect(await wide(["*"])).toMatchObject({ reason: "PERMISSION_DENIED" });
  expect(await wide(["accounts:act"])).toMatchObject(denied("accounts:act"));
  const foreign = await newWorkspace(await app.newAccount());
  expect(await wide(["api_keys:write"], [foreign])).toMatchObject({ reason: "NOT_FOUND" });
  const archived = await newWorkspace(tenant.owner);
  await newWorkspace(tenant.owner);
  await tenant.owner.workspaceAdmin.archiveWorkspace({ workspaceId: archived });
  expect(await wide([], [archived])).toMatchObject({ reason: "WORKSPACE_ARCHIVED" });
});

test("only a platform key that acts for an account makes sessions", async () => {
  const session = await newEmbedded(app, tenant.owner, {}, ["*"]);
  const makers = {
    owner: tenant.owner,
    "account key": app.clientAs((await issueKey(tenant.owner, { spec: { permissions: ["*"] } })).token),
    "platform key at home": platform(),
    "embed session": session,
  };
  for (const [name, by] of Object.entries(makers)) {
    expect(await refusal(by.sessions.createEmbedSession({})), name).toMatchObject(denied("accounts:act"));
  }
  const bare = await issueKey(platform(), { spec: { permissions: ["api_keys:write"] } });
  expect(await outcome(naming(app, bare.token, tenant.accountId).sessions.createEmbedSession({}))).toBe(
    "ACCOUNT_MISMATCH",
  );
});

test("a session acts in its own account only", async () => {
  const other = await app.newAccount();
  const session = await newEmbedded(app, tenant.owner, {}, ["*"]);
  const { principal } = await platform().profiles.whoAmI({});
  for (const accountId of [accountIdOf(other), principal?.accountId ?? ""]) {
    expect(await outcome(naming(app, session.token, accountId).apiKeys.listApiKeys({}))).toBe(
      "ACCOUNT_MISMATCH",
    );
  }
  await naming(app, session.token, tenant.accountId).apiKeys.listApiKeys({});
  expect(await outcome(session.accounts.searchAccounts({}))).toBe("PERMISSION_DENIED");
  expect(await outcome(session.accounts.listAccounts({}))).toBe("LOGIN_REQUIRED");
});

test("a session cannot rotate the platform key, and does not count as an owner", async () => {
  const { account } = await platform().accounts.openAccount({ metadata: { name: "No owner" } });
  const owner = { account } as typeof tenant.owner;
  const session = await newEmbedded(app, owner, {}, ["*"]);
  const { keyId } = session.acting;
  expect(await outcome(session.apiKeys.rotateApiKey({ id: keyId }))).toBe("NOT_FOUND");
  const systemKey = await systemKeyOf(app, account?.metadata?.id ?? "");
  expect(await outcome(session.apiKeys.rotateApiKey({ id: systemKey }))).toBe("SYSTEM_KEY");
  expect(await outcome(session.accounts.rotateGlobalApiKey({}))).toBe("SYSTEM_KEY");
});

test("the keys of a session outlive it, and hold no more than the session", async () => {
  const workspaceId = await newWorkspace(tenant.owner);
  const other = await newWorkspace(tenant.owner);
  const request = { permissions: ["api_keys:write", "agents:read"], workspaceIds: [workspaceId] };
  const session = await newEmbedded(app, tenant.owner, request);
  const spec = { permissions: ["agents:read"] };
  const key = await issueKey(session, { spec, initialWorkspaceIds: [workspaceId] });
  expect(key.info).toMatchObject({ mintedByKeyId: session.acting.keyId, createdBy: { via: "platform" } });
  expect(await refusal(issueKey(session, { spec: { permissions: ["agents:write"] } }))).toMatchObject(
    denied("agents:write"),
  );
  expect(await outcome(issueKey(session, { spec, initialWorkspaceIds: [other] }))).toBe(
    "WORKSPACE_FORBIDDEN",
  );
  expect(await outcome(issueKey(session, { spec: { ...spec, workspaceScope: WorkspaceScope.ALL } }))).toBe(
    "WORKSPACE_FORBIDDEN",
  );
  expect(await outcome(issueKey(session, { spec: { ...spec, kind: ApiKeyKind.DEVELOPER } }))).not.toBe("ok");
  await app.clientAs("").tokens.revokeToken({ token: session.token });
  const { verdict } = await platform().tokens.verifyToken({ token: key.token });
  expect(verdict).toBe(Verdict.VALID);
});

test("the verdict of the token of a session is invalid for every verifier, and shows nothing", async () => {
  const session = await newEmbedded(app, tenant.owner, {}, [...keysPermissions, "tokens:verify"]);
  for (const by of [platform(), tenant.owner, session]) {
    for (const fresh of [false, true]) {
      const response = await by.tokens.verifyToken({ token: session.token, fresh });
      expect(response).toMatchObject({ valid: false, verdict: Verdict.INVALID });
      expect(response.principal).toBeUndefined();
    }
  }
  const { responses } = await platform().tokens.batchVerifyTokens({ requests: [{ token: session.token }] });
  expect(responses.map(({ verdict }) => verdict)).toEqual([Verdict.INVALID]);
});

test("in a suspended account, a session does nothing, and works again after the account is resumed", async () => {
  const owner = await app.newAccount();
  const session = await newEmbedded(app, owner);
  const accountId = accountIdOf(owner);
  await platform().accounts.suspendAccount({ accountId });
  expect(await outcome(session.apiKeys.listApiKeys({}))).toBe("ACCOUNT_SUSPENDED");
  expect(await outcome(session.profiles.whoAmI({}))).toBe("ACCOUNT_SUSPENDED");
  await platform().accounts.resumeAccount({ accountId });
  await session.apiKeys.listApiKeys({});
});

test("sessions take from the rate limits of their key in their account only, and nothing from the key", async () => {
  const rateLimits = [{ name: "calls", limit: 5, period: { seconds: 3600n } }];
  const spec = { permissions: ["accounts:act", ...keysPermissions], rateLimits };
  const { token } = await issueKey(app.clientAs(app.platformToken), { spec });
  const here = naming(app, token, tenant.accountId);
  const there = naming(app, token, accountIdOf(await app.newAccount()));
  const [one, other, third] = [await embed(app, here), await embed(app, here), await embed(app, there)];
  const whoIs = (session: { token: string }) => outcome(app.clientAs(session.token).profiles.whoAmI({}));
  const calls = await Promise.all([one, one, other, other, other].map(whoIs));
  expect(calls).toEqual(Array.from({ length: 5 }, () => "ok"));
  expect([await whoIs(one), await whoIs(other)]).toEqual(["RATE_LIMITED", "RATE_LIMITED"]);
  expect(await whoIs(third)).toBe("ok");
  expect(await outcome(embed(app, there))).toBe("ok");
});
