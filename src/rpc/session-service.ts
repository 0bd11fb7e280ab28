import { durationMs } from "@bufbuild/protobuf/wkt";
import type { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import type { Store } from "../db/connect.ts";
import { normaliseEmail } from "../domain/kernel/text.ts";
import { createEmbedSession, type EmbedDeps } from "../domain/session/embed.ts";
import type { FailedLogIns } from "../domain/session/failed-log-in.ts";
import { listSessions, revokeSession } from "../domain/session/list.ts";
import { logIn, logOut, type SessionDeps, signUp } from "../domain/session/session.ts";
import { deleteUser } from "../domain/user/delete.ts";
import { changeEmail, proveEmail } from "../domain/user/email.ts";
import type { OtpDeps } from "../domain/user/otp.ts";
import { changePassword, requestPasswordReset, resetPassword } from "../domain/user/password-change.ts";
import { accountMessage } from "./account-message.ts";
import { profileMessage, timestamp } from "./messages.ts";
import { clearBrowser, handOver, hasCookieBearer, isFromConsole } from "./middleware/console-call.ts";
import { callerOf, callOf, userOf } from "./middleware/context.ts";
import { limitGuesses } from "./middleware/guess-limit.ts";
import { type PeopleLimits, spendAsUser } from "./middleware/people-limits.ts";
import type { Operations } from "./operations.ts";

/** What the session service depends on. */
export interface SessionServiceDeps extends SessionDeps, OtpDeps, EmbedDeps {
  sessionIdleMs: number;
  limits: PeopleLimits;
  failedLogIns: Pick<FailedLogIns, "record">;
  /** Runs work after the response was sent, so that the response time reveals nothing about it. */
  background(work: () => Promise<void>): void;
}

/** `SessionService`: sign-up, log-in, sessions, and what users change about themselves. */
export function sessionService(db: Store, deps: SessionServiceDeps): Operations<typeof SessionService> {
  return {
    ...sessionMethods(db, deps),
    ...embedMethods(db, deps),
    ...passwordMethods(db, deps),
    ...userMethods(db, deps),
  };
}

type Methods<Name extends keyof Operations<typeof SessionService>> = Pick<
  Operations<typeof SessionService>,
  Name
>;

function sessionMethods(
  db: Store,
  deps: SessionServiceDeps,
): Methods<"signUp" | "logIn" | "logOut" | "listSessions" | "revokeSession"> {
  const { limits } = deps;
  return {
    async signUp(request, context) {
      const call = callOf(context);
      await limits.signUps.spend(call.addressKey);
      const { account, profile, token } = await signUp(db, call, deps, request);
      return {
        account: accountMessage(account),
        profile: profileMessage(account.id, profile),
        token: handOver(context, token),
      };
    },
    async logIn(request, context) {
      const call = callOf(context);
      // This comes before the limits count the call, because they keep each e-mail address for minutes, and a flood of
      // calls can invent many addresses.
      deps.passwords.requireRoomToCheck(call);
      const { token, accounts } = await limitGuesses(
        [
          [limits.guessesPerAddress, call.addressKey],
          [limits.guessesPerEmail, normaliseEmail(request.email)],
        ],
        () => logIn(db, call, deps, request),
      );
      return {
        token: handOver(context, token),
        accounts: accounts.map((account) => accountMessage(account)),
      };
    },
    async logOut(_request, context) {
      await logOut(db, userOf(context));
      clearBrowser(context);
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
  };
}

function embedMethods(db: Store, deps: EmbedDeps): Methods<"createEmbedSession"> {
  return {
    async createEmbedSession({ lifetime, ...request }, context) {
      const lifetimeMs = lifetime && durationMs(lifetime);
      const { id, token, expiresAt } = await createEmbedSession(db, callerOf(context), deps, {
        ...request,
        lifetimeMs,
      });
      return { id, token, expiresAt: timestamp(expiresAt) };
    },
  };
}

function passwordMethods(
  db: Store,
  deps: SessionServiceDeps,
): Methods<"changePassword" | "requestPasswordReset" | "resetPassword"> {
  const { limits } = deps;
  return {
    async changePassword(request, context) {
      const user = userOf(context);
      await spendAsUser(limits.passwordChanges, user);
      const token = await limitGuesses([[limits.guessesPerEmail, user.userId]], () =>
        changePassword(db, user, deps, request, hasCookieBearer(context)),
      );
      handOver(context, token);
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
      const token = await limitGuesses([[limits.guessesPerAddress, call.addressKey]], () =>
        resetPassword(db, call, deps, request, isFromConsole(context)),
      );
      handOver(context, token);
      return {};
    },
  };
}

function userMethods(
  db: Store,
  deps: SessionServiceDeps,
): Methods<"changeEmail" | "proveEmail" | "deleteUser"> {
  const { limits } = deps;
  return {
    async changeEmail(request, context) {
      const user = userOf(context);
      await spendAsUser(limits.mails, user);
      await limits.mailsPerEmail.spend(normaliseEmail(request.email));
      await limitGuesses([[limits.guessesPerEmail, user.userId]], () => changeEmail(db, user, deps, request));
      return {};
    },
    async proveEmail({ token }, context) {
      const call = callOf(context);
      await limitGuesses([[limits.guessesPerAddress, call.addressKey]], () =>
        proveEmail(db, call, deps, token),
      );
      return {};
    },
    async deleteUser({ password }, context) {
      const user = userOf(context);
      await limitGuesses([[limits.guessesPerEmail, user.userId]], () =>
        deleteUser(db, user, deps.passwords, password),
      );
      return {};
    },
  };
}
