import type { Store, Tx } from "../../db/connect.ts";
import { makerColumns } from "../access/maker.ts";
import type { Caller } from "../access/principal.ts";
import { refuseSupersededOrLimited } from "../access/stand-in.ts";
import { type Invite, type InviteDeps, insertInvite, inviteMade, mailInvite } from "../invite/invite.ts";
import { DomainError } from "../kernel/error.ts";
import { findByExternalId, requireFree } from "../kernel/external-id.ts";
import { newId } from "../kernel/id.ts";
import { onceOf } from "../kernel/mail.ts";
import { mutate, mutateUnchecked } from "../kernel/mutation.ts";
import { accountLock } from "../kernel/row-lock.ts";
import { normaliseEmail, requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { type Account, getAccountById } from "./account.ts";
import { insertAccount, insertRoles, insertSystemKey, type NewAccount, newRoleIds } from "./create.ts";
import { purgeAccount } from "./delete.ts";
import { byPlatform } from "./platform.ts";

/** The fields of an account that the platform opens. Without `ownerEmail`, it has no owner yet. */
export interface Opening extends NewAccount {
  requestId: string;
  ownerEmail: string;
  entitlements: string[];
}

/**
 * Creates an account. Invites its owner by e-mail if the input names one. If the mail cannot be sent, the account is removed
 * again, unless another call has changed something in it meanwhile.
 */
export async function openAccount(
  db: Store,
  caller: Caller,
  deps: InviteDeps,
  input: Opening,
): Promise<{ account: Account; invite: Invite | undefined }> {
  const name = requireName(input.name);
  const accountId = newId("acct");
  const email = input.ownerEmail === "" ? undefined : normaliseEmail(input.ownerEmail);
  const inviteLimit = onceOf(deps.inviteLimit);
  const idempotencyKey = { requestId: input.requestId, resourceId: accountId };
  const read = (tx: Tx) => findByExternalId(tx, "account", accountId, input.externalId);
  const { account, made } = await mutate(
    db,
    { by: caller, locks: [], read },
    async (tx, caller, taken) => {
      // The new account holds nothing yet, so the caller's environment and end do not count.
      if (email !== undefined || input.entitlements.length > 0) refuseSupersededOrLimited(caller);
      requireFree(taken);
      await inviteLimit.spend({ to: email, by: caller.accountId });
      const system = newId("prof");
      const roles = newRoleIds();
      const maker = {
        accountId,
        profileId: system,
        columns: { ...makerColumns(caller), maker_permission: "accounts:write" },
      };
      const content = email && { id: newId("inv"), email, roleId: roles.owner, workspaceIds: [] };
      const actor = byPlatform(caller, accountId, system);
      const after = { name, entitlements: input.entitlements };
      const opened = { ...actor, resourceType: "account", resourceId: accountId, after };
      return {
        events: content ? [opened, { ...actor, ...inviteMade(content) }] : [opened],
        async write() {
          const [, , , account, made] = await together([
            insertAccount(tx, accountId, { ...input, name }, system),
            insertSystemKey(tx, accountId, { system }),
            insertRoles(tx, accountId, system, roles),
            getAccountById(tx, accountId),
            content ? insertInvite(tx, deps, maker, content) : undefined,
          ]);
          return { account, made };
        },
      };
    },
    idempotencyKey,
  );
  if (!made) return { account, invite: undefined };
  try {
    await mailInvite(deps.mailer, made.invite, made.token);
  } catch (error) {
    if (await takeBack(db, caller, account.id, input.requestId)) throw error;
    if (!(error instanceof DomainError)) throw error;
    throw new DomainError(
      error.reason,
      "the account was opened and is in use, but the invite of its owner could not be mailed: revoke the invite, and call InviteFirstOwner later",
      { id: made.invite.id, account_id: account.id },
    );
  }
  return { account, invite: deps.mailer.delivers ? made.invite : { ...made.invite, token: made.token } };
}

// The client asked for an account with an invited owner, and repeats the whole call. A repeat before the mail failed names the
// account. So it may have keys already, or an owner whose mail arrived in spite of the error. Such an account stays.
function takeBack(db: Store, caller: Caller, accountId: string, requestId: string): Promise<boolean> {
  const locks = [accountLock(accountId, "update")];
  const read = (tx: Tx) => wasUsed(tx, accountId, caller.call.method);
  const locking = { by: caller.call, locks, read, accountIds: [accountId] };
  return mutateUnchecked(db, "TakeBackAccount", locking, async (tx, used) => {
    if (used) return { result: false, events: [] };
    await tx
      .deleteFrom("request")
      .where("caller_id", "=", caller.profile.id)
      .where("method", "=", caller.call.method)
      .where("request_id", "=", requestId)
      .execute();
    await purgeAccount(tx, accountId);
    return { result: true, events: [] };
  });
}

async function wasUsed(tx: Tx, accountId: string, openedBy: string): Promise<boolean> {
  const other = await tx
    .selectFrom("audit_event")
    .select("id")
    .where("account_id", "=", accountId)
    .where("outcome", "=", "done")
    .where("method", "<>", openedBy)
    .limit(1)
    .executeTakeFirst();
  return other !== undefined;
}
