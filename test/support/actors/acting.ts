import { beforeAll } from "vitest";
import { ApiKeyKind } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { type Clients, issueKey, type Owner, type SharedApp } from "../app.ts";
import { newName, newRole, newServiceAccount, newTeam } from "./actors.ts";

/** A key of the platform account, and its clients as it acts for one account. */
export interface Acting extends Clients {
  keyId: string;
  token: string;
}

/** The account for which the platform keys of a test file act. */
export interface Tenant {
  readonly owner: Owner;
  readonly accountId: string;
}

/** Creates an account for all tests of a file. Read the result only inside tests. */
export function useTenant(app: SharedApp): Tenant {
  let owner: Owner | undefined;
  beforeAll(async () => {
    owner = await app.newAccount();
  });
  function made(): Owner {
    if (!owner) throw new Error("the account exists only while tests run");
    return owner;
  }
  return {
    get owner() {
      return made();
    },
    get accountId() {
      return accountIdOf(made());
    },
  };
}

/** Returns what the error of a missing permission has. */
export function denied(permission: string) {
  return { reason: "PERMISSION_DENIED", metadata: { permission } };
}

/** Returns the id of the account of an owner. */
export function accountIdOf({ account }: Pick<Owner, "account">): string {
  return account.metadata?.id ?? "";
}

/** Returns the clients of a bearer that names an account in the header. */
export function naming(app: SharedApp, token: string, accountId: string): Clients {
  return app.clientAs(token, { "latchkey-account": accountId });
}

/** Issues a key of the platform account with these permissions and `accounts:act`. Returns its clients for the account. */
export async function newActing(
  app: SharedApp,
  accountId: string,
  ...permissions: string[]
): Promise<Acting> {
  const spec = { permissions: ["accounts:act", ...permissions] };
  const { id, token } = await issueKey(app.clientAs(app.platformToken), { spec });
  return { ...naming(app, token, accountId), keyId: id, token };
}

/** A service key of the platform account. Unlike an application key, it has no environment, so it can make people and teams. */
export interface PlatformServiceKey {
  id: string;
  token: string;
  /** Replaces the permissions of its team. */
  setRole(permissions: string[]): Promise<unknown>;
}

/** Issues a service key of the platform account, whose team holds these permissions. */
export async function newPlatformServiceKey(
  app: Pick<SharedApp, "clientAs" | "platformToken">,
  permissions: string[],
  spec: { permissions?: string[] } = {},
): Promise<PlatformServiceKey> {
  const platform = app.clientAs(app.platformToken);
  const role = await newRole(platform, newName(), ...permissions);
  const robot = await newServiceAccount(platform, newName(), await newTeam(platform, newName(), role));
  const { id, token } = await issueKey(platform, {
    spec: { kind: ApiKeyKind.SERVICE, serviceAccountId: robot.id, ...spec },
  });
  return {
    id,
    token,
    setRole: (permissions) => platform.roles.updateRole({ id: role, spec: { permissions } }),
  };
}
