import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { requireWithin } from "../access/bounds.ts";
import type { Call, ProfileRef, UserCaller } from "../access/principal.ts";
import { findWorkspaces, liveOnes, workspaceLocks } from "../access/workspace-grant.ts";
import { type Account, getAccountById } from "../account/account.ts";
import { endGuest, guestsOf } from "../external-identity/guest.ts";
import { requireSpeaksFor } from "../external-identity/user.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import type { Made } from "../kernel/change.ts";
import { DomainError, invalidField } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { mutateAsUser, mutateUnchecked } from "../kernel/mutation.ts";
import { accountLock, type RowLock, rowLock, userLock } from "../kernel/row-lock.ts";
import { requireName } from "../kernel/text.ts";
import { hashToken, parseToken, sameHash } from "../kernel/token.ts";
import { requireMembershipsWithin } from "../profile/membership-bound.ts";
import type { AccessDeps } from "../role/change.ts";
import { claimedIn } from "../role/claimed.ts";
import { claimedOfUser } from "../role/holder-load.ts";
import { insertSession } from "../session/create.ts";
import type { SessionDeps } from "../session/session.ts";
import { alreadyUsed, type Invite } from "./invite.ts";
import { type InviteState, inviteStateOf } from "./invite-state.ts";
import { requireMaker } from "./maker.ts";
import { insertInvited, loginRequired, requireInvited } from "./person.ts";
import { type Claims, invitedReach } from "./reach.ts";

/** The fields of an acceptance. The name and the password are for a person who has no user yet. */
export interface Acceptance {
  id: string;
  token: string;
  name: string;
  password: string;
}

/** The result of an acceptance. `token` is empty if the caller was signed in. */
export interface Accepted {
  account: Account;
  profile: ProfileRef;
  token: string;
}

/**
 * Accepts an invite, once. It never opens a session of an existing user and never sets their password. Without a
 * sign-in it only creates a user, and fails with `LOGIN_REQUIRED` if the address has a user already. The server
 * compares what the invite gives with what its maker reaches now.
 */
export async function acceptInvite(
  db: Store,
  call: Call,
  user: UserCaller | undefined,
  deps: SessionDeps & AccessDeps & { tokenPrefix: string },
  input: Acceptance,
): Promise<Accepted> {
  const parsed = parseToken(deps.tokenPrefix, input.token);
  if (parsed?.kind !== "inv" || parsed.id !== input.id) throw unknownInvite();
  const hash = hashToken(input.token);
  const known = await refuseUnknown(db, input.id, hash, user);
  const newUser = user ? undefined : await makeNewUser(call, deps, input);
  const locks = await locksOf(db, known, user);
  const accountIds = [known.account_id];
  const accept = async (tx: Tx): Promise<Made<Accepted>> => {
    const invite = requirePending(await selectInvite(tx, input.id).executeTakeFirst(), hash);
    // The person does not get workspaces that were archived since.
    const workspaceIds = liveOnes(await findWorkspaces(tx, invite.account_id, invite.workspace_ids));
    const role = await checkInvite(tx, invite, deps, workspaceIds, user);
    const person = user
      ? await requireInvited(tx, user.userId, invite)
      : await insertInvited(tx, invite, newUser);
    requireWithin(deps.bounds, "permissionsPerPrincipal", role.permissions.length);
    requireWithin(deps.bounds, "workspacesPerProfile", workspaceIds.length);
    const profile = await join(tx, invite, { roleId: role.id, workspaceIds }, person);
    await requireMembershipsWithin(tx, deps.bounds, person.id);
    await tx
      .updateTable("invite")
      .set({ accepted_at: sql<Date>`clock_timestamp()`, accepted_by: profile.id })
      .where("id", "=", invite.id)
      .execute();
    const token = user ? "" : (await insertSession(tx, deps, person.id)).token;
    const account = await getAccountById(tx, invite.account_id);
    return { result: { account, profile, token }, events: [accepted(invite, profile, workspaceIds)] };
  };
  return user
    ? mutateAsUser(db, { by: user, locks, accountIds }, accept)
    : mutateUnchecked(db, "AcceptInvite", { by: call, locks, accountIds }, accept);
}

async function locksOf(db: Db, invite: StoredInvite, user: UserCaller | undefined): Promise<RowLock[]> {
  const { account_id: accountId, workspace_ids: workspaceIds } = invite;
  const ofInvite = [
    accountLock(accountId, "key share"),
    rowLock("invite", accountId, invite.id, "no key update"),
    ...workspaceLocks(accountId, workspaceIds),
  ];
  if (!user) return ofInvite;
  const guests = await guestsOf(db, user.userId, accountId);
  return [
    ...ofInvite,
    userLock(user.userId, "no key update"),
    ...guests.map((guest) => rowLock("guest", accountId, guest.profile_id, "update")),
  ];
}

type StoredInvite = Omit<Invite, "maker" | "token">;

// A password hash is expensive. So the server computes it only for a caller with the token of a pending invite.
async function refuseUnknown(
  db: Db,
  id: string,
  hash: Buffer,
  user: UserCaller | undefined,
): Promise<StoredInvite> {
  const invite = requirePending(await selectInvite(db, id).executeTakeFirst(), hash);
  if (user) return invite;
  const known = await db.selectFrom("user").select("id").where("email", "=", invite.email).executeTakeFirst();
  if (known) throw loginRequired();
  return invite;
}

async function makeNewUser(call: Call, deps: SessionDeps, input: Acceptance) {
  const name = requireName(input.name, "name");
  if (input.password === "") throw invalidField("password", "expected 10 to 128 characters");
  const wanted = { password: input.password, field: "password", personal: [name] };
  return { name, passwordHash: await deps.passwords.make(call, wanted) };
}

function selectInvite(db: Db, id: string) {
  return db
    .selectFrom("invite")
    .selectAll()
    .select(sql<boolean>`expires_at <= clock_timestamp()`.as("expired"))
    .where("id", "=", id);
}

const ended: Record<Exclude<InviteState, "pending">, string> = {
  accepted: "the invite was accepted",
  revoked: "the invite was revoked",
  expired: "the invite has expired",
};

function requirePending(invite: StoredInvite | undefined, hash: Buffer): StoredInvite {
  if (!invite || !sameHash(invite.hash, hash)) throw unknownInvite();
  const state = inviteStateOf(invite);
  if (state !== "pending") throw alreadyUsed(ended[state], { invite_id: invite.id });
  return invite;
}

async function checkInvite(
  tx: Tx,
  invite: StoredInvite,
  deps: AccessDeps,
  workspaceIds: string[],
  user: UserCaller | undefined,
) {
  const account = await getAccountById(tx, invite.account_id);
  if (user) requireSpeaksFor(user, account);
  if (account.suspended_at || account.deleted_at) {
    throw new DomainError("ACCOUNT_SUSPENDED", "the account is suspended", { account_id: account.id });
  }
  const role = await tx
    .selectFrom("role")
    .selectAll()
    .where("account_id", "=", invite.account_id)
    .where("id", "=", invite.role_id)
    .executeTakeFirstOrThrow();
  const given = invitedReach(role, workspaceIds, await claimsOf(tx, deps, account, user));
  await requireMaker(tx, invite, given, role.builtin === "owner");
  return role;
}

async function claimsOf(
  tx: Tx,
  { claimingIssuers }: AccessDeps,
  { id, platform }: Account,
  user: UserCaller | undefined,
): Promise<Claims | undefined> {
  const at = claimedIn(claimingIssuers, { accountId: id, platform });
  if (!user || at.issuers.length === 0) return undefined;
  const removed = (await guestsOf(tx, user.userId, id)).some(({ removed_at }) => removed_at !== null);
  return { roles: await claimedOfUser(tx, at, user.userId), removed };
}

async function join(
  tx: Tx,
  invite: StoredInvite,
  given: { roleId: string; workspaceIds: string[] },
  person: { id: string; name: string; email: string },
): Promise<ProfileRef> {
  const account = { account_id: invite.account_id };
  const profile: ProfileRef = { id: newId("prof"), type: "user", name: person.name, email: person.email };
  await endGuest(tx, invite.account_id, person.id);
  await tx
    .insertInto("profile")
    .values({ ...account, ...profile, user_id: person.id })
    .execute();
  const joined = await tx
    .insertInto("membership")
    .values({ ...account, user_id: person.id, profile_id: profile.id, role_id: given.roleId })
    .onConflict((conflict) => conflict.columns(["user_id", "account_id"]).doNothing())
    .executeTakeFirst();
  if (joined.numInsertedOrUpdatedRows === 0n) {
    throw new DomainError("ALREADY_EXISTS", "you are a member already", { id: invite.account_id });
  }
  if (given.workspaceIds.length > 0) {
    const grants = given.workspaceIds.map((workspace_id) => ({
      ...account,
      workspace_id,
      profile_id: profile.id,
      created_by: invite.created_by,
    }));
    await tx.insertInto("workspace_grant").values(grants).execute();
  }
  return profile;
}

function accepted(invite: StoredInvite, profile: ProfileRef, workspaceIds: string[]): Change & Actor {
  return {
    accountId: invite.account_id,
    profileId: profile.id,
    resourceType: "invite",
    resourceId: invite.id,
    after: { profile_id: profile.id, role_id: invite.role_id, workspace_ids: workspaceIds },
  };
}

function unknownInvite(): DomainError {
  return new DomainError("NOT_FOUND", "invite not found, or its token is wrong");
}
