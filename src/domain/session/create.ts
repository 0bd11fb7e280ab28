import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { newId } from "../kernel/id.ts";
import type { Mint, MintedToken } from "../kernel/token.ts";

/** What a new session depends on. */
export interface MintingDeps {
  mint: Mint;
  /** The maximum lifetime of a session, in milliseconds. */
  lifetimeMs: number;
}

/** Creates a session of a user. Its token is returned once. */
export async function insertSession(
  tx: Tx,
  deps: MintingDeps,
  userId: string,
): Promise<MintedToken & { id: string }> {
  const session = newSession(deps, userId);
  await storeSession(tx, deps, session);
  return session;
}

/** A session that is not stored yet, with its token. */
export interface NewSession extends MintedToken {
  id: string;
  userId: string;
}

/** Mints the token of a new session. */
export function newSession({ mint }: Pick<MintingDeps, "mint">, userId: string): NewSession {
  const id = newId("ses");
  return { ...mint("ses", id), id, userId };
}

/** Stores a new session. */
export async function storeSession(
  tx: Tx,
  { lifetimeMs }: Pick<MintingDeps, "lifetimeMs">,
  { id, userId, hash }: NewSession,
): Promise<void> {
  await tx
    .insertInto("session")
    .values({
      id,
      user_id: userId,
      hash,
      expires_at: sql<Date>`clock_timestamp() + ${lifetimeMs} * interval '1 millisecond'`,
    })
    .execute();
}
