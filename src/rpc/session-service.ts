import type { ServiceImpl } from "@connectrpc/connect";
import type { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import type { Store } from "../db/connect.ts";
import { DomainError } from "../domain/kernel/error.ts";
import { normaliseEmail } from "../domain/kernel/text.ts";
import type { FailedLogIns } from "../domain/session/failed-log-in.ts";
import { listSessions, revokeSession } from "../domain/session/list.ts";
import { logIn, logOut, type SessionDeps, signUp } from "../domain/session/session.ts";
import { deleteUser } from "../domain/user/delete.ts";
import { changeEmail, proveEmail } from "../domain/user/email.ts";
import type { OtpDeps } from "../domain/user/otp.ts";
import { changePassword, requestPasswordReset, resetPassword } from "../domain/user/password-change.ts";
import type { PublicLimit } from "../verify/public-limit.ts";
import { accountMessage } from "./account-message.ts";
import { profileMessage, timestamp } from "./messages.ts";
import { callOf, userOf } from "./middleware/context.ts";
import { type PeopleLimits, spendAsUser } from "./middleware/people-limits.ts";

/** What signing people in depends on. */
export interface SessionServiceDeps extends SessionDeps, OtpDeps {
  sessionIdleMs: number;
  limits: PeopleLimits;
  failedLogIns: Pick<FailedLogIns, "record">;
  /** Does something after the answer, so that its time tells nothing. */
  background(work: () => Promise<void>): void;
}

/** `SessionService`: signs people up, in and out. */
export function sessionService(db: Store, deps: SessionServiceDeps): ServiceImpl<typeof SessionService> {
  const { limits } = deps;
  // A guess is paid for before it is judged, so that many at once are no way round, and taken back if it was not wrong.
  async function guess<T>(keys: [PublicLimit, string][], attempt: () => Promise<T>): Promise<T> {
    for (const [limit, key] of keys) await limit.spend(key);
    let wrong = false;
    try {
      return await attempt();
    } catch (error) {
      wrong = error instanceof DomainError && error.reason === "INVALID_CREDENTIALS";
      throw error;
    } finally {
      if (!wrong) for (const [limit, key] of keys) await limit.giveBack(key);
    }
  }
  return {
    async signUp(request, context) {
      const call = callOf(context);
      await limits.signUps.spend(call.addressKey);
      const { account, profile, token } = await signUp(db, call, deps, request);
      return { account: accountMessage(account), profile: profileMessage(account.id, profile), token };
    },
    async logIn(request, context) {
      const call = callOf(context);
      // Before anything is counted: limits remember each e-mail address for minutes, and a flood invents many.
      deps.passwords.requireRoomToCheck(call);
      const keys: [PublicLimit, string][] = [
        [limits.guessesPerAddress, call.addressKey],
        [limits.guessesPerEmail, normaliseEmail(request.email)],
      ];
      const { token, accounts } = await guess(keys, () => logIn(db, call, deps, request));
      return { token, accounts: accounts.map((account) => accountMessage(account)) };
    },
    async logOut(_request, context) {
      await logOut(db, userOf(context));
      return {};
    },
    async listSessions(request, context) {
      const user = userOf(context);
      const { items, nextCursor } = await listSessions(db, user, deps.sessionIdleMs, request);
      const sessions = items.map((session) => ({
        id: session.id,
        createdAt: timestamp(session.created_at),
        expiresAt: timestamp(session.expires_at),
        lastUsedAt: timestamp(session.last_used_at),
        current: session.id === user.sessionId,
      }));
      return { items: sessions, pagination: { nextCursor } };
    },
    async revokeSession(request, context) {
      await revokeSession(db, userOf(context), request);
      return {};
    },
    async changePassword(request, context) {
      const user = userOf(context);
      await spendAsUser(limits.passwordChanges, user);
      await guess([[limits.guessesPerEmail, user.userId]], () =>
        changePassword(db, user, deps.passwords, request),
      );
      return {};
    },
    async requestPasswordReset({ email }, context) {
      const call = callOf(context);
      await limits.mails.spend(call.addressKey);
      await limits.mailsPerEmail.spend(normaliseEmail(email));
      deps.background(() => requestPasswordReset(db, call, deps, email));
      return {};
    },
    async resetPassword(request, context) {
      const call = callOf(context);
      await limits.passwordChanges.spend(call.addressKey);
      await guess([[limits.guessesPerAddress, call.addressKey]], () =>
        resetPassword(db, call, deps, request),
      );
      return {};
    },
    async changeEmail(request, context) {
      const user = userOf(context);
      await spendAsUser(limits.mails, user);
      await limits.mailsPerEmail.spend(normaliseEmail(request.email));
      await guess([[limits.guessesPerEmail, user.userId]], () => changeEmail(db, user, deps, request));
      return {};
    },
    async proveEmail({ token }, context) {
      const call = callOf(context);
      await guess([[limits.guessesPerAddress, call.addressKey]], () => proveEmail(db, call, deps, token));
      return {};
    },
    async deleteUser({ password }, context) {
      const user = userOf(context);
      await guess([[limits.guessesPerEmail, user.userId]], () =>
        deleteUser(db, user, deps.passwords, password),
      );
      return {};
    },
  };
}
