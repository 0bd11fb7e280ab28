import type { DescMethod } from "@bufbuild/protobuf";
import { ApiKeyKind, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ruleOf } from "../../../src/rpc/middleware/access.ts";
import { newPlatformServiceKey, type PlatformServiceKey } from "../actors/acting.ts";
import { inviteOf, newName, newRole, newServiceAccount, newSession, newTeam } from "../actors/actors.ts";
import { rotate } from "../actors/api-key.ts";
import { type Clients, issueKey, type Owner, type TestApp } from "../app.ts";
import { nameOf } from "../schema/requests.ts";
import type { Loss } from "./exempt.ts";

/** The bearer of a call, and the change that takes its authority away. */
export interface Bearer {
  token: string;
  headers: Record<string, string>;
  lose(): Promise<unknown>;
}

/** An account with a bearer in it. */
export interface Scene {
  owner: Owner;
  bearer: Bearer;
}

/** Creates scenes with few users, because sign-ups are slow. */
export interface Stage {
  scene(method: DescMethod, loss: Loss): Promise<Scene>;
}

const accountHeader = "latchkey-account";
// Of the people, only an owner can make these calls.
const ofOwners = /\/(DeleteAccount|(Rotate|Disable|Enable)GlobalApiKey)$/;
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";

// The server reads all accounts of a session for every change, so a user with many accounts would be slow.
const scenesPerCast = 20;

/** Creates a stage on an app. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: keeps the state that its parts share.
export async function createStage(app: TestApp): Promise<Stage> {
  const cast = async () => ({
    founder: await app.newAccount("Founder"),
    guest: await app.newAccount("Guest"),
    scenes: 0,
  });
  let { founder, guest, scenes } = await cast();
  const platform = app.clientAs(app.platformToken);

  // Creates an account of the founder. A call about a user needs a user of its own that no other case uses.
  async function newTenant(method: DescMethod): Promise<Owner> {
    if (ruleOf(method).case === "user") return app.newAccount();
    const { account, profile } = await founder.accounts.createAccount({ metadata: { name: "Stalled" } });
    if (!account || !profile) throw new Error("CreateAccount answered without an account or a profile");
    const headers = { [accountHeader]: account.metadata?.id ?? "" };
    return { ...app.clientAs(founder.token, headers), account, profile, email: founder.email };
  }

  // The key of an account is a service key, because a key with an environment cannot create people, teams or owners.
  async function keyOf(issuer: Clients, lose: (id: string) => Promise<unknown>): Promise<Bearer> {
    const all = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
    const { id, token } = await issueKey(issuer, { spec: { ...all, ...(await serviceKeyOf(issuer)) } });
    return { token, headers: {}, lose: () => lose(id) };
  }

  async function serviceKeyOf(issuer: Clients) {
    const serviceAccountId = (
      await newServiceAccount(issuer, newName(), await newTeam(issuer, newName(), "admin"))
    ).id;
    return { kind: ApiKeyKind.SERVICE, serviceAccountId };
  }

  async function memberOf(
    owner: Owner,
    role: string,
    lose: (profileId: string, token: string) => Promise<unknown>,
  ): Promise<Bearer> {
    const { profile } = await guest.invites.acceptInvite(await inviteOf(owner, { email: guest.email, role }));
    const token = await newSession(app, guest.email);
    const headers = { [accountHeader]: idOf(owner) };
    return { token, headers, lose: () => lose(profile?.metadata?.id ?? "", token) };
  }

  async function sessionOf(owner: Owner): Promise<Bearer> {
    const token = await newSession(app, owner.email);
    return { token, headers: {}, lose: () => logOut(token) };
  }

  async function actingIn(
    owner: Owner,
    lose: (key: PlatformServiceKey) => Promise<unknown>,
  ): Promise<Bearer> {
    const key = await newPlatformServiceKey(app, ["*"]);
    return { token: key.token, headers: { [accountHeader]: idOf(owner) }, lose: () => lose(key) };
  }

  const logOut = (token: string) => app.clientAs(token).sessions.logOut({});
  const suspend = (owner: Owner) => platform.accounts.suspendAccount({ accountId: idOf(owner) });

  async function bearerOf(owner: Owner, method: DescMethod, loss: Loss): Promise<Bearer> {
    const rule = ruleOf(method).case;
    const issuer = rule === "platformPermission" ? platform : owner;
    const role = ofOwners.test(nameOf(method)) ? "owner" : "admin";
    switch (loss) {
      case "key revoked":
        return keyOf(issuer, (id) => issuer.apiKeys.revokeApiKey({ id }));
      case "key disabled":
        return keyOf(issuer, (id) => issuer.apiKeys.disableApiKey({ id }));
      case "key rotated":
        return keyOf(issuer, (id) => rotate(issuer, id));
      case "member removed":
        return memberOf(owner, role, (id) => owner.profiles.removeProfile({ id }));
      case "member demoted": {
        const bare = await newRole(owner);
        return memberOf(owner, role, (id) => owner.profiles.setProfileRole({ id, role: bare }));
      }
      case "account suspended":
        return role === "owner"
          ? memberOf(owner, role, () => suspend(owner))
          : keyOf(owner, () => suspend(owner));
      case "platform key revoked":
        return actingIn(owner, ({ id }) => platform.apiKeys.revokeApiKey({ id }));
      case "platform key narrowed":
        return actingIn(owner, ({ setRole }) => setRole(["*:read", "*:manage"]));
      case "tenant suspended":
        return actingIn(owner, () => suspend(owner));
      case "logged out":
        return rule === "user" || rule === "public"
          ? sessionOf(owner)
          : memberOf(owner, role, (_id, token) => logOut(token));
    }
  }

  return {
    async scene(method, loss) {
      if (scenes >= scenesPerCast) ({ founder, guest, scenes } = await cast());
      scenes += 1;
      const owner = await newTenant(method);
      return { owner, bearer: await bearerOf(owner, method, loss) };
    },
  };
}
