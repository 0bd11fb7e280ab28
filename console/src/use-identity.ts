import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { type Account, AccountState } from "../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../gen/latchkey/v1/account_service_pb.ts";
import { ProfileService } from "../gen/latchkey/v1/profile_service_pb.ts";
import { type Connection, sessionKey, useConnection } from "./connection.ts";
import { needsLogIn, reasonOf } from "./errors.ts";
import { type Session, sessionOf } from "./session.ts";
import { useStore } from "./store.ts";

/** What the console knows about the user of this tab. */
export type Identity =
  | { state: "loading" }
  | { state: "failed"; error: unknown }
  | { state: "signed-out" }
  /** The user is signed in, but no account is chosen, or the chosen one does not accept the user. */
  | { state: "no-account"; accounts: readonly Account[]; error?: unknown }
  | { state: "signed-in"; session: Session };

/** Returns the identity of this tab. It follows the other tabs. */
export function useIdentity(): Identity {
  const connection = useConnection();
  const account = useStore(connection.account);
  const isKey = useStore(connection.platform.key) !== undefined;
  const tenant = useStore(connection.platform.tenant);
  const query = useQuery({
    queryKey: [...sessionKey, isKey ? { key: true, tenant: tenant?.id } : account],
    queryFn: ({ signal }) => readIdentity(connection, signal),
    staleTime: 30_000,
  });
  useFollowedTabs(connection);
  const identity: Identity =
    query.data ?? (query.error ? { state: "failed", error: query.error } : { state: "loading" });
  const userId = (identity.state === "signed-in" && identity.session.principal.userId) || undefined;
  useEffect(() => connection.user.set(userId), [connection, userId]);
  return identity;
}

async function readIdentity(connection: Connection, signal: AbortSignal): Promise<Identity> {
  if (connection.platform.key.get() !== undefined) return readPlatform(connection, signal);
  const options = { signal };
  const { transport, account } = connection;
  try {
    const { items: accounts } = await createClient(AccountService, transport).listAccounts(
      { limit: 200 },
      options,
    );
    const chosen = accountOf(accounts, account.get());
    if (!chosen) return { state: "no-account", accounts };
    account.set(chosen);
    try {
      const who = await createClient(ProfileService, transport).whoAmI({}, options);
      return { state: "signed-in", session: sessionOf(who, accounts) };
    } catch (error) {
      if (!["ACCOUNT_MISMATCH", "ACCOUNT_SUSPENDED"].includes(reasonOf(error))) throw error;
      return { state: "no-account", accounts, error };
    }
  } catch (error) {
    if (needsLogIn(error)) return { state: "signed-out" };
    throw error;
  }
}

// A key that the server refuses is forgotten. Then the page belongs to the signed-in user again, if there is one.
async function readPlatform({ transport, platform }: Connection, signal: AbortSignal): Promise<Identity> {
  try {
    const who = await createClient(ProfileService, transport).whoAmI({}, { signal });
    return { state: "signed-in", session: sessionOf(who) };
  } catch (error) {
    const { code } = ConnectError.from(error);
    if (code === Code.Unauthenticated) platform.leave();
    else if (code === Code.PermissionDenied && platform.tenant.get()) platform.tenant.set(undefined);
    throw error;
  }
}

// The chosen account if the user belongs to it, else the only active one.
function accountOf(accounts: readonly Account[], chosen: string | undefined): string | undefined {
  const ids = accounts
    .filter(({ state }) => state === AccountState.ACTIVE)
    .map(({ metadata }) => metadata?.id);
  if (ids.includes(chosen)) return chosen;
  return ids.length === 1 ? ids[0] : undefined;
}

// Another tab logged in or out, or changed something.
function useFollowedTabs({ tabs, queries, user }: Connection): void {
  useEffect(
    () =>
      tabs.listen((message) => {
        if (message === "changed") void queries.invalidateQueries();
        if (message === "signed-in") void queries.invalidateQueries({ queryKey: sessionKey });
        // What the tab shows belongs to a session that the user ended.
        if (message === "signed-out" && user.get() !== undefined) location.reload();
      }),
    [tabs, queries, user],
  );
}
