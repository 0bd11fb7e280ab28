import { closure } from "../model/model.ts";
import type { Key, Organisation, Person, PlatformKey } from "./organisation.ts";

// Computes reach from plain sets, without the functions under test. It uses bits for permissions, places and
// environments. A list of permissions has the bits of everything that it implies by `closure`, the slow model of
// design section 5.

/** The reach of a principal: all combinations of its bits, until its end in hours and within its limits. */
export interface Bits {
  permissions: number;
  places: number;
  environments: number;
  end: number;
  /** The counters that it draws on, or null if nothing limits it. */
  limits: string | null;
}

const probes = [
  // `*:write` is `*:read` and `platform.*:write` together.
  ...["*", "*:*", "*:start", "*:read", "platform.*:read", "platform.*:write", "platform.*:manage"],
  ...["agents:read", "agents:write", "agents:manage", "agents:*", "agents:start", "runs:start"],
  ...["runs:*", "api_keys:read", "api_keys:write", "api_keys:manage", "roles:manage", "teams:manage"],
  ...["profiles:manage", "invites:write", "workspaces:manage", "service_accounts:manage"],
  "accounts:act",
];
// The first place stands for calls without a workspace. The last place stands for all workspaces that are created
// later.
const place: Record<string, number> = { A: 2, B: 4, C: 8 };
const everyPlace = 31;
const bothEnvironments = 3;
const known = new Map<string, number>();

/** Returns the bits of a list of permissions. */
export function permissionBits(list: readonly string[]): number {
  const name = list.join();
  const cached = known.get(name);
  if (cached !== undefined) return cached;
  const implied = closure(list);
  const bits = probes.reduce((sum, one, index) => (implied.has(one) ? sum | (1 << index) : sum), 0);
  known.set(name, bits);
  return bits;
}

/** Returns the bits of some workspaces, and of the place without a workspace. */
export function placeBits(all: boolean, workspaces: readonly string[]): number {
  return all ? everyPlace : workspaces.reduce((sum, one) => sum | (place[one] ?? 0), 1);
}

/** Returns the current reach of people, service accounts and keys, by their ids. A disabled key reaches nothing. */
export function reachOfAll(at: Organisation): Map<string, Bits> {
  const reached = new Map<string, Bits>();
  for (const [id, person] of at.people) {
    const { roleId, teamIds, workspaces } = person;
    const role = roleId === null ? undefined : at.roles.get(roleId);
    const permissions = teamIds.reduce(
      (sum, one) => sum | teamBits(at, one),
      permissionBits(role?.permissions ?? []),
    );
    const all = role?.allWorkspaces ?? false;
    if (role) reached.set(id, lasting(permissions, placeBits(all, workspaces)));
    for (const claimed of claimsThatCount(at, person)) {
      const places = placeBits(all || claimed.all, workspaces);
      reached.set(`${id} claiming ${claimed.names}`, lasting(permissions | claimed.permissions, places));
    }
  }
  for (const [id, teamId] of at.robots) reached.set(id, lasting(teamBits(at, teamId), everyPlace));
  for (const [id, key] of at.keys) {
    if (!key.disabled) reached.set(id, keyBits(key, key.owner === null ? undefined : reached.get(key.owner)));
  }
  for (const [id, key] of at.platformKeys) reached.set(id, platformBits(key));
  return reached;
}

/** Returns the reach of a platform key that acts: its list without the permissions on accounts, in all workspaces. */
export function platformBits({ list, environment, end, limitedBy }: PlatformKey): Bits {
  const here = list.filter((one) => !one.startsWith("accounts:"));
  const key: Key = {
    ...{ kind: "service", owner: null, list: here, all: true, grants: [] },
    ...{ environment, end, limitedBy, disabled: false },
  };
  return keyBits(key, undefined);
}

// Returns what each token of an external person adds by its claims, limited by the highest role. A guest without a
// claim reaches nothing.
function claimsThatCount({ roles, most }: Organisation, { roleId, external }: Person) {
  const highest = roles.get(most);
  if (!external || external.removed) return [];
  return external.tokens.flatMap((names) => {
    const claimed = highest ? names.flatMap((one) => roles.get(one) ?? []) : [];
    if (claimed.length === 0 && roleId === null) return [];
    const lists = claimed.reduce((sum, role) => sum | permissionBits(role.permissions), 0);
    const all = highest?.allWorkspaces && claimed.some(({ allWorkspaces }) => allWorkspaces);
    const permissions = lists & permissionBits(highest?.permissions ?? []);
    return [{ names: names.join(), permissions, all: all ?? false }];
  });
}

/** Returns the reach of a key's list and scope, narrowed by what its owner reaches. */
export function keyBits(key: Key, owner: Bits | undefined): Bits {
  return {
    permissions: permissionBits(key.list) & (owner?.permissions ?? ~0),
    places: placeBits(key.all, key.grants) & (owner?.places ?? ~0),
    environments: key.environment === null ? bothEnvironments : key.environment === "test" ? 1 : 2,
    end: key.end ?? Number.POSITIVE_INFINITY,
    limits: key.limitedBy,
  };
}

/** Returns whether the second includes everything of the first. Admission without a permission counts too. */
export function isInside(inner: Bits, outer: Bits): boolean {
  return (
    (inner.permissions & ~outer.permissions) === 0 &&
    (inner.places & ~outer.places) === 0 &&
    (inner.environments & ~outer.environments) === 0 &&
    isFreer(outer, inner)
  );
}

// Returns whether the first ends no earlier, and has no limits that the second lacks.
function isFreer(outer: Bits, inner: Bits): boolean {
  return inner.end <= outer.end && (outer.limits === null || outer.limits === inner.limits);
}

/**
 * Returns whether the reach of another principal includes everything that a principal gained, combination by
 * combination.
 */
export function gainIsInside(before: Bits | undefined, after: Bits, held: Bits): boolean {
  if (before && isInside(after, before)) return true;
  for (const [permission, aPlace, environment] of combinations(after)) {
    const kept =
      before !== undefined && has(before, permission, aPlace, environment) && isFreer(before, after);
    if (!kept && !(has(held, permission, aPlace, environment) && isFreer(held, after))) return false;
  }
  return true;
}

function* combinations({ permissions, places, environments }: Bits): Generator<[number, number, number]> {
  const all = [0, ...bits(permissions)];
  for (const permission of all) {
    for (const aPlace of bits(places)) {
      for (const environment of bits(environments)) yield [permission, aPlace, environment];
    }
  }
}

function has(bits: Bits, permission: number, aPlace: number, environment: number): boolean {
  const permitted = permission === 0 || (bits.permissions & permission) !== 0;
  return permitted && (bits.places & aPlace) !== 0 && (bits.environments & environment) !== 0;
}

function bits(mask: number): number[] {
  const found: number[] = [];
  for (let one = 1; one <= mask && one > 0; one <<= 1) if (mask & one) found.push(one);
  return found;
}

function teamBits({ teams, roles }: Organisation, teamId: string): number {
  return (teams.get(teamId) ?? []).reduce(
    (sum, id) => sum | permissionBits(roles.get(id)?.permissions ?? []),
    0,
  );
}

function lasting(permissions: number, places: number): Bits {
  return { permissions, places, environments: bothEnvironments, end: Number.POSITIVE_INFINITY, limits: null };
}
