import { ApiKeyKind, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { type Clients, issueKey, type Owner, type SharedApp } from "../app.ts";
import type { PrincipalName, Scene } from "../schema/access.ts";
import { naming, newActing, newPlatformServiceKey } from "./acting.ts";
import { inviteOf, newName, newRole, newServiceAccount, newSession, newTeam } from "./actors.ts";
import { rotate, systemKeyOf } from "./api-key.ts";
import { embed } from "./embed.ts";

/** Creates an account with every kind of principal. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: keeps the state that its parts share.
export async function newScene(app: SharedApp): Promise<Scene> {
  const platform = app.clientAs(app.platformToken);
  const people = new Map<string, Owner>();
  for (const name of signedIn) people.set(name, await app.newAccount(name));
  const person = (name: string) => people.get(name) as Owner;
  const founder = person("owner");
  const accountId = founder.account.metadata?.id ?? "";
  const suspendedId = await newAccountOf(founder);
  const as = async (name: string, account = accountId) =>
    app.clientAs(await newSession(app, person(name).email), { "latchkey-account": account });
  const owner: Owner = { ...founder, ...(await as("owner")) };

  // A member who removed themselves is invited again.
  async function member(name: string, role: string, by: Clients = owner, account = accountId) {
    const { email, invites } = person(name);
    const joined = await app.db
      .selectFrom("membership")
      .innerJoin("user", "user.id", "membership.user_id")
      .select("user.id")
      .where("user.email", "=", email)
      .where("membership.account_id", "=", account)
      .executeTakeFirst();
    if (!joined) await invites.acceptInvite(await inviteOf(by, { email, role }));
    return as(name, account);
  }
  const key = (made: { token: string }) => app.clientAs(made.token);
  const keyOf = (by: Clients, permissions: string[]) =>
    issueKey(by, { spec: { workspaceScope: WorkspaceScope.ALL, permissions } });
  const personal = { spec: { kind: ApiKeyKind.DEVELOPER } };

  const bare = await newRole(owner);
  const teams = {
    "service *": await newTeam(owner, newName(), "admin"),
    "service scim": await newTeam(owner, newName(), await newRole(owner, newName(), "profiles:manage")),
  };
  async function service(name: keyof typeof teams) {
    const serviceAccountId = (await newServiceAccount(owner, newName(), teams[name])).id;
    return key(await issueKey(owner, { spec: { kind: ApiKeyKind.SERVICE, serviceAccountId } }));
  }
  const former = await member("removed", "admin");
  const removedKey = await issueKey(former, personal);
  const { profile: gone } = await former.profiles.whoAmI({});
  await owner.profiles.removeProfile({ id: gone?.metadata?.id ?? "" });
  const suspendedKey = await keyOf(await as("owner", suspendedId), ["*"]);
  await platform.accounts.suspendAccount({ accountId: suspendedId });
  const { profile: system } = await platform.profiles.whoAmI({});

  const bearers: Record<PrincipalName, () => Promise<Clients>> = {
    "no bearer": async () => app.clientAs(""),
    stranger: () => as("stranger"),
    bare: () => member("bare", bare),
    viewer: () => member("viewer", "viewer"),
    developer: () => member("developer", "developer"),
    admin: () => member("admin", "admin"),
    owner: () => as("owner"),
    "app *": async () => key(await keyOf(owner, ["*"])),
    "app *:write": async () => key(await keyOf(owner, ["*:write"])),
    async superseded() {
      const rotated = await keyOf(owner, ["*"]);
      await rotate(owner, rotated.id, 3600);
      return key(rotated);
    },
    "service *": () => service("service *"),
    "service scim": () => service("service scim"),
    "dev key": async () => key(await issueKey(await member("developer", "developer"), personal)),
    async "system key"() {
      const id = await systemKeyOf(app, accountId);
      await owner.apiKeys.enableApiKey({ id });
      return app.clientAs(await rotate(owner, id));
    },
    "platform key": async () => app.clientAs((await newPlatformServiceKey(app, ["*"])).token),
    "platform acts": async () => naming(app, (await newPlatformServiceKey(app, ["*"])).token, accountId),
    "platform issues": () => newActing(app, accountId, "api_keys:write"),
    async embedded() {
      const { token } = await newPlatformServiceKey(app, ["*"]);
      return embed(app, naming(app, token, accountId), { permissions: ["*"] });
    },
    verifier: async () => key(await keyOf(platform, ["tokens:verify"])),
    "platform person": () => member("platform person", "admin", platform, system?.metadata?.accountId ?? ""),
    suspended: () => as("owner", suspendedId),
    "suspended key": async () => key(suspendedKey),
    removed: () => as("removed"),
    "removed key": async () => key(removedKey),
  };
  const kept = new Map<PrincipalName, Clients>();
  return {
    app,
    owner,
    elsewhere: await app.newAccount("elsewhere"),
    async bearer(name, fresh = false) {
      const known = fresh ? undefined : kept.get(name);
      const bearer = known ?? (await bearers[name]());
      // The call of this caller may end a cached one: a person leaves with their keys, or the system key is rotated.
      if (fresh) for (const ended of [name, ...endedByOthers]) kept.delete(ended);
      else kept.set(name, bearer);
      return bearer;
    },
    emailOf: (name) => people.get(name === "suspended" ? "owner" : name)?.email,
  };
}

const endedByOthers = ["dev key", "system key"] as const;
const signedIn = ["stranger", "bare", "viewer", "developer", "admin", "owner", "platform person", "removed"];

/** Creates another account of a person and returns its id. */
export async function newAccountOf(person: Owner): Promise<string> {
  const { account } = await person.accounts.createAccount({ metadata: { name: "a scene" } });
  return account?.metadata?.id ?? "";
}
