import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { accountLimitName } from "../access/acting.ts";
import { requireWithin } from "../access/bounds.ts";
import { refuseEscalation } from "../access/escalation.ts";
import { type MakerColumns, makerColumns } from "../access/maker.ts";
import { type Caller, type MakerRef, requireOwner, requirePermission } from "../access/principal.ts";
import { findWorkspaces, requireLive, workspaceLocks } from "../access/workspace-grant.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { DomainError } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { filterOf, type Page, type PageInput, page } from "../kernel/list.ts";
import { type Mailer, type MailLimit, onceOf, pageLines } from "../kernel/mail.ts";
import { mutate } from "../kernel/mutation.ts";
import { inviteeLock } from "../kernel/row-lock.ts";
import { normaliseEmail } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import type { Mint } from "../kernel/token.ts";
import type { AccessDeps } from "../role/change.ts";
import { readReference, requireRole } from "../role/reference.ts";
import { readInvitee, refuseMember, refusePending, requirePendingWithin } from "./bound.ts";
import { invitedReach } from "./reach.ts";

/**
 * An invite as it is stored, its maker, and whether it has expired. It has its token only in the one response that
 * shows it.
 */
export interface Invite extends Selectable<Database["invite"]> {
  expired: boolean;
  maker: MakerRef | undefined;
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
    { by: caller, locks, read: (tx: Tx) => readContext(tx, caller, email, input) },
    async (tx, caller, found) => {
      const { workspaceIds } = input;
      const roleId = await evaluateInvite(caller, { ...deps, inviteLimit }, { email, workspaceIds }, found);
      const content = { id, email, roleId, workspaceIds };
      const { accountId, profile } = caller;
      const maker = { accountId, profileId: profile.id, columns: makerColumns(caller) };
      return { events: [inviteMade(content)], write: () => insertInvite(tx, deps, maker, content) };
    },
    { requestId: input.requestId, resourceId: id },
  );
  return sendInvite(deps, invite, token);
}

/** Mails a stored invite, and returns it as the response shows it. If the mail cannot be sent, the invite stays. */
export async function sendInvite(deps: InviteDeps, invite: Invite, token: string): Promise<Invite> {
  try {
    await mailInvite(deps.mailer, invite, token);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new DomainError(
      error.reason,
      "the invite was made, but it could not be mailed: revoke it, and invite again later",
      { id: invite.id },
    );
  }
  return deps.mailer.delivers ? invite : { ...invite, token };
}

async function readContext(tx: Tx, { accountId }: Caller, email: string, { role, workspaceIds }: NewInvite) {
  const [found, workspaces, invitee] = await together([
    readReference(tx, accountId, role),
    findWorkspaces(tx, accountId, workspaceIds),
    readInvitee(tx, accountId, email),
  ]);
  return { role: found, workspaces, ...invitee };
}

// Evaluates an invite by what the caller holds, and returns its role. The mail limit counts it only after all other
// checks.
async function evaluateInvite(
  caller: Caller,
  deps: InviteDeps,
  { email, workspaceIds }: Pick<NewInvite, "email" | "workspaceIds">,
  found: Awaited<ReturnType<typeof readContext>>,
): Promise<string> {
  requirePermission(caller, "invites:write");
  const role = requireRole(found.role, "role");
  if (role.builtin === "owner") requireOwner(caller);
  refuseEscalation(caller, [{ after: invitedReach(role, workspaceIds) }]);
  requireWithin(deps.bounds, "workspacesPerProfile", workspaceIds.length);
  requireLive(found.workspaces, workspaceIds);
  refuseMember(found.member);
  refusePending(found.pending);
  requirePendingWithin(deps.bounds, found.pending);
  await deps.inviteLimit.spend({ to: email, by: accountLimitName(caller) });
  return role.id;
}

/** The content of an invite. */
export interface InviteContent {
  id: string;
  email: string;
  roleId: string;
  workspaceIds: readonly string[];
}

/** Stores an invite with a new token. */
export async function insertInvite(
  tx: Tx,
  deps: InviteDeps,
  maker: Pick<Actor, "accountId" | "profileId"> & {
    columns: MakerColumns & Partial<Pick<Invite, "maker_permission">>;
  },
  input: InviteContent,
): Promise<{ invite: Invite; token: string }> {
  const minted = deps.mint("inv", input.id);
  const insert = tx.insertInto("invite").values({
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
  });
  const [, invite] = await together([
    insert.execute(),
    selectInvites(tx).where("invite.id", "=", input.id).executeTakeFirstOrThrow(),
  ]);
  return { invite, token: minted.token };
}

/** Returns the event of a new invite. */
export function inviteMade({ id, roleId, workspaceIds }: InviteContent): Change {
  return { resourceType: "invite", resourceId: id, after: { role_id: roleId, workspace_ids: workspaceIds } };
}

/** Mails the invite. Only the text contains the token. */
export function mailInvite(mailer: Mailer, invite: Invite, token: string): Promise<void> {
  return mailer.send({
    to: invite.email,
    subject: "You are invited",
    text: `You are invited to an account.\n\nInvite: ${invite.id}\nToken:\n\n${token}\n\n${pageLines(mailer, "/accept-invite")}The token works once, within 7 days.\n`,
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

/** Returns the error for something that works once and was used. */
export function alreadyUsed(message: string, metadata: Record<string, string> = {}): DomainError {
  return new DomainError("ALREADY_USED", message, metadata);
}

/** Selects invites with their makers, and whether they have expired. */
export function selectInvites(db: Db) {
  return db
    .selectFrom("invite")
    .selectAll("invite")
    .select([
      sql<boolean>`invite.expires_at <= clock_timestamp()`.as("expired"),
      // A key of another account is a platform key. Keys of the account itself have no name here.
      sql<MakerRef | undefined>`(
        select jsonb_build_object(
          'id', p.id, 'type', p.type, 'name', p.name, 'email', p.email, 'platformKeyId', (
            select k.id from api_key k where k.id = invite.made_by_key and k.account_id <> invite.account_id
          )
        )
        from profile p where p.id = invite.created_by
      )`.as("maker"),
    ]);
}
