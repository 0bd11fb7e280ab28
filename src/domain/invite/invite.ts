import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { requireWithin } from "../access/bounds.ts";
import { refuseEscalation } from "../access/escalation.ts";
import { type MakerColumns, makerColumns } from "../access/maker.ts";
import { type Caller, type ProfileRef, requireOwner, requirePermission } from "../access/principal.ts";
import { findWorkspaces, requireLive, workspaceLocks } from "../access/workspace-grant.ts";
import { type Actor, type Change, pick } from "../kernel/audit-event.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { filterOf, type Page, type PageInput, page } from "../kernel/list.ts";
import { type Mailer, type MailLimit, onceOf } from "../kernel/mail.ts";
import { mutate } from "../kernel/mutation.ts";
import { inviteeLock, rowLock } from "../kernel/row-lock.ts";
import { normaliseEmail } from "../kernel/text.ts";
import type { Mint } from "../kernel/token.ts";
import type { AccessDeps } from "../role/change.ts";
import { findRole } from "../role/reference.ts";
import { refuseMember, refusePending, requirePendingWithin } from "./bound.ts";
import { invitedReach } from "./reach.ts";

/**
 * An invite as it is stored, its maker, and whether it has expired. It has its token only in the one response that
 * shows it.
 */
export interface Invite extends Selectable<Database["invite"]> {
  expired: boolean;
  maker: ProfileRef | undefined;
  token?: string;
}

/** The fields of a new invite. */
export interface NewInvite {
  requestId: string;
  email: string;
  role: string;
  workspaceIds: string[];
}

/** The dependencies of inviting. */
export interface InviteDeps extends AccessDeps {
  mint: Mint;
  mailer: Mailer;
  inviteLimit: MailLimit;
}

const lifetime = sql`interval '7 days'`;
const auditedFields = ["role_id", "workspace_ids"] as const;

/**
 * Invites an e-mail address. The caller must hold everything that the invite gives. Only owners invite owners. If the
 * mail cannot be sent, the invite stays and the call fails with `UNAVAILABLE` and the id of the invite.
 */
export async function createInvite(
  db: Store,
  caller: Caller,
  deps: InviteDeps,
  input: NewInvite,
): Promise<Invite> {
  const id = newId("inv");
  const email = normaliseEmail(input.email);
  const locks = [
    inviteeLock(caller.accountId, email),
    ...workspaceLocks(caller.accountId, input.workspaceIds),
  ];
  const inviteLimit = onceOf(deps.inviteLimit);
  const { invite, token } = await mutate(
    db,
    { by: caller, locks },
    async (tx, caller) => {
      const made = await inviteInto(tx, caller, { ...deps, inviteLimit }, id, { ...input, email });
      return { result: made, events: [made.event] };
    },
    { requestId: input.requestId, resourceId: id },
  );
  try {
    await mailInvite(deps.mailer, invite, token);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new DomainError(
      error.reason,
      "the invite was made, but it could not be mailed: revoke it, and invite again later",
      { id },
    );
  }
  return deps.mailer.delivers ? invite : { ...invite, token };
}

// Creates an invite within a transaction, evaluated by what the caller holds. The mail limit counts it only after all
// other checks.
async function inviteInto(
  tx: Tx,
  caller: Caller,
  deps: InviteDeps,
  id: string,
  input: Omit<NewInvite, "requestId">,
) {
  requirePermission(caller, "invites:write");
  const role = await findRole(tx, caller.accountId, input.role, "role");
  if (role.builtin === "owner") requireOwner(caller);
  refuseEscalation(caller, [{ after: invitedReach(role, input.workspaceIds) }]);
  requireWithin(deps.bounds, "workspacesPerProfile", input.workspaceIds.length);
  requireLive(await findWorkspaces(tx, caller.accountId, input.workspaceIds), input.workspaceIds);
  const { accountId, profile } = caller;
  const { email } = input;
  await refuseMember(tx, accountId, email);
  await refusePending(tx, accountId, email);
  await requirePendingWithin(tx, deps.bounds, accountId);
  await deps.inviteLimit.spend({ to: email, accountId });
  const maker = { accountId, profileId: profile.id, columns: makerColumns(caller) };
  return insertInvite(tx, deps, maker, { id, email, roleId: role.id, workspaceIds: input.workspaceIds });
}

/** Stores an invite with a new token. */
export async function insertInvite(
  tx: Tx,
  deps: InviteDeps,
  maker: Pick<Actor, "accountId" | "profileId"> & { columns: MakerColumns },
  input: { id: string; email: string; roleId: string; workspaceIds: readonly string[] },
): Promise<{ invite: Invite; token: string; event: Change }> {
  const minted = deps.mint("inv", input.id);
  await tx
    .insertInto("invite")
    .values({
      id: input.id,
      account_id: maker.accountId,
      email: input.email,
      role_id: input.roleId,
      workspace_ids: [...input.workspaceIds],
      hash: minted.hash,
      mailed: deps.mailer.delivers,
      created_by: maker.profileId,
      ...maker.columns,
      expires_at: sql<Date>`clock_timestamp() + ${lifetime}`,
    })
    .execute();
  const invite = await selectInvites(tx).where("invite.id", "=", input.id).executeTakeFirstOrThrow();
  const event = { resourceType: "invite", resourceId: input.id, after: pick(invite, auditedFields) };
  return { invite, token: minted.token, event };
}

/** Mails the invite. Only the text contains the token. Links to a page carry it after `#`. */
export function mailInvite(mailer: Mailer, invite: Invite, token: string): Promise<void> {
  return mailer.send({
    to: invite.email,
    subject: "You are invited",
    text: `Somebody invited you to their account.\n\nInvite: ${invite.id}\nToken:\n\n${token}\n\nIt works once, within 7 days.\n`,
  });
}

/** Lists the invites of the caller's account: only the pending ones, or all. */
export function listInvites(
  db: Db,
  caller: Caller,
  input: PageInput & { showAll: boolean },
): Promise<Page<Invite>> {
  const query = selectInvites(db).where("invite.account_id", "=", caller.accountId);
  const fits = filterOf([
    !input.showAll &&
      sql<boolean>`invite.accepted_at is null and invite.revoked_at is null and invite.expires_at > clock_timestamp()`,
  ]);
  return page(db, query, "invite.id", input, fits);
}

/** Revokes an invite. */
export function revokeInvite(db: Store, caller: Caller, id: string): Promise<Invite> {
  const locks = [rowLock("invite", caller.accountId, id, "no key update")];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const locked = await tx
      .selectFrom("invite")
      .select(["id", "accepted_at", "revoked_at"])
      .where("account_id", "=", caller.accountId)
      .where("id", "=", id)
      .executeTakeFirst();
    if (!locked) throw notFound("invite");
    if (locked.accepted_at) throw alreadyUsed("the invite was accepted", { invite_id: id });
    const find = () => selectInvites(tx).where("invite.id", "=", id).executeTakeFirstOrThrow();
    if (locked.revoked_at) return { result: await find(), events: [] };
    await tx
      .updateTable("invite")
      .set({ revoked_at: sql<Date>`clock_timestamp()` })
      .where("id", "=", id)
      .execute();
    const invite = await find();
    return {
      result: invite,
      events: [{ resourceType: "invite", resourceId: id, before: pick(invite, auditedFields) }],
    };
  });
}

/** Returns the error for something that works once and was used. */
export function alreadyUsed(message: string, metadata: Record<string, string> = {}): DomainError {
  return new DomainError("ALREADY_USED", message, metadata);
}

function selectInvites(db: Db) {
  return db
    .selectFrom("invite")
    .selectAll("invite")
    .select([
      sql<boolean>`invite.expires_at <= clock_timestamp()`.as("expired"),
      sql<ProfileRef | undefined>`(
        select jsonb_build_object('id', p.id, 'type', p.type, 'name', p.name, 'email', p.email)
        from profile p where p.id = invite.created_by
      )`.as("maker"),
    ]);
}
