import { describe, expect, test } from "vitest";
import { AccountState } from "../../gen/latchkey/v1/account_pb.ts";
import { ApiKeyKind } from "../../gen/latchkey/v1/api_key_pb.ts";
import { join, logIn } from "../support/actors/actors.ts";
import { systemKeyOf, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken).accounts;
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";

/** Returns a token of every kind that an account has. */
async function everyCredential(owner: Owner, email: string): Promise<Record<string, string>> {
  const { team } = await owner.teams.createTeam({ metadata: { name: "ci" }, spec: { roles: ["admin"] } });
  const { serviceAccount } = await owner.serviceAccounts.createServiceAccount({
    metadata: { name: "robot" },
    spec: { teamId: team?.metadata?.id },
  });
  const serviceAccountId = serviceAccount?.metadata?.id;
  const { apiKey } = await owner.apiKeys.rotateApiKey({ id: await systemKeyOf(app, idOf(owner)) });
  const issue = async (spec: object) => (await issueKey(owner, { spec })).token;
  return {
    "an owner's session": owner.token,
    "a member's session": (await join(app, owner, { email, role: "viewer" })).token,
    "an application key": await issue({ permissions: ["*"] }),
    "a service key": await issue({ kind: ApiKeyKind.SERVICE, serviceAccountId }),
    "a developer key": await issue({ kind: ApiKeyKind.DEVELOPER }),
    "the system key": apiKey?.spec?.token ?? "",
  };
}

describe("a suspended account", () => {
  test("stops every credential at once, and all work again after ResumeAccount", async () => {
    const [owner, bystander] = [await app.newAccount(), await app.newAccount()];
    const tokens = await everyCredential(owner, "one@example.com");
    const accountId = idOf(owner);
    const outcomes = async () =>
      Promise.all(
        Object.entries(tokens).map(async ([what, token]) => {
          const call = app.clientAs(token).profiles.whoAmI({});
          const answer = await call.then(
            () => "OK",
            async () => (await refusal(call)).reason,
          );
          return [what, answer, await verdictOf(app, token)];
        }),
      );
    const all = (answer: string, verdict: string) =>
      Object.keys(tokens).map((what) => [what, answer, verdict]);
    expect(await outcomes()).toEqual(all("OK", "VALID"));

    const { account } = await platform().suspendAccount({ accountId });
    expect(account).toMatchObject({
      state: AccountState.SUSPENDED,
      info: { suspendedAt: expect.anything() },
    });
    expect(await outcomes()).toEqual(all("ACCOUNT_SUSPENDED", "ACCOUNT_SUSPENDED"));
    const refused = await refusal(owner.apiKeys.listApiKeys({}));
    expect(refused).toMatchObject({ code: "PermissionDenied", metadata: { account_id: accountId } });
    await bystander.profiles.whoAmI({});

    const resumed = await platform().resumeAccount({ accountId });
    expect(resumed.account?.state).toBe(AccountState.ACTIVE);
    expect(await outcomes()).toEqual(all("OK", "VALID"));
  });

  test("does not prevent its users from signing in or using their other accounts", async () => {
    const [owner, other] = [await app.newAccount("Suspended"), await app.newAccount("Other")];
    const { invite } = await other.invites.createInvite({ email: owner.email, role: "viewer" });
    await owner.invites.acceptInvite({ id: invite?.metadata?.id, token: invite?.spec?.token });
    await platform().suspendAccount({ accountId: idOf(owner) });
    const { token } = await logIn(app, owner.email);
    const there = app.clientAs(token, { "latchkey-account": idOf(other) });
    expect((await there.profiles.whoAmI({})).principal?.accountId).toBe(idOf(other));
    const here = app.clientAs(token, { "latchkey-account": idOf(owner) });
    expect((await refusal(here.profiles.whoAmI({}))).reason).toBe("ACCOUNT_SUSPENDED");
  });

  test("is never the platform account", async () => {
    const { id } = await app.db
      .selectFrom("account")
      .select("id")
      .where("platform", "=", true)
      .executeTakeFirstOrThrow();
    const refused = await refusal(platform().suspendAccount({ accountId: id }));
    expect(refused).toMatchObject({ code: "FailedPrecondition", metadata: { account_id: id } });
    await platform().searchAccounts({});
  });
});

describe("entitlements", () => {
  const entitled = (owner: Owner, ...entitlements: string[]) =>
    platform().setEntitlements({ accountId: idOf(owner), entitlements });
  const over = (entitlement: string, limit: string) => ({
    code: "PermissionDenied",
    reason: "ENTITLEMENT_REQUIRED",
    metadata: { entitlement, limit },
  });
  const succeeded = (all: PromiseSettledResult<unknown>[]) =>
    all.filter(({ status }) => status === "fulfilled").length;

  test("max_api_keys limits the keys of every kind, except the system key and revoked keys", async () => {
    const owner = await app.newAccount();
    await entitled(owner, "max_api_keys=2");
    const first = await issueKey(owner);
    await issueKey(owner, { spec: { kind: ApiKeyKind.DEVELOPER } });
    expect(await refusal(issueKey(owner))).toMatchObject(over("max_api_keys", "2"));
    await owner.apiKeys.revokeApiKey({ id: first.id });
    await issueKey(owner);
    expect(await refusal(issueKey(owner))).toMatchObject(over("max_api_keys", "2"));
    await entitled(owner, "max_api_keys=3");
    await issueKey(owner);
    await entitled(owner);
    await issueKey(owner);
  });

  test("max_workspaces limits the live workspaces", async () => {
    const owner = await app.newAccount();
    await entitled(owner, "max_workspaces=2");
    const workspaceId = await newWorkspace(owner, "first");
    await newWorkspace(owner, "second");
    expect(await refusal(newWorkspace(owner, "third"))).toMatchObject(over("max_workspaces", "2"));
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId });
    await newWorkspace(owner, "third");
  });

  test("apply to concurrent creations too, and 0 allows none", async () => {
    const owner = await app.newAccount();
    await entitled(owner, "max_api_keys=3", "max_workspaces=2");
    const keys = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(() => issueKey(owner)));
    expect(succeeded(keys)).toBe(3);
    const workspaces = await Promise.allSettled([1, 2, 3, 4].map((n) => newWorkspace(owner, `${n}`)));
    expect(succeeded(workspaces)).toBe(2);
    await entitled(owner, "max_api_keys=0");
    expect(await refusal(issueKey(owner))).toMatchObject(over("max_api_keys", "0"));
  });
});
