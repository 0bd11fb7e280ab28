import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { insertToken } from "../api-key/create.ts";
import { endTokens } from "../api-key/rotate.ts";
import { DomainError } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { mutateUnchecked } from "../kernel/mutation.ts";
import type { Mint } from "../kernel/token.ts";
import { insertAccount, insertRoles, insertSystemKey, newRoleIds } from "./create.ts";

/** The tokens of a new platform account. They are shown once. */
export interface PlatformTokens {
  /** The token of the system key: all permissions, in every account. */
  platform: string;
  /** The token of a key that may only verify tokens, of every account. Set if the options ask for it. */
  verifier?: string;
}

/** What `bootstrap` creates besides the platform account. */
export interface BootstrapOptions {
  verifier: boolean;
  /** Called with the tokens before the commit. If it throws, nothing is created. */
  onMinted(tokens: PlatformTokens): void;
}

const call = { method: "bootstrap", requestId: "bootstrap", clientAddress: "local", addressKey: "local" };

/** Returns whether the platform account exists. */
export async function hasPlatform(db: Db): Promise<boolean> {
  return (await platformKey(db)) !== undefined;
}

/** Creates the platform account with its system key. Fails with `ALREADY_EXISTS` if it exists. */
export async function bootstrap(db: Store, mint: Mint, options: BootstrapOptions): Promise<void> {
  return mutateUnchecked(db, "Bootstrap", call, async (tx) => {
    await lockBootstrap(tx);
    if (await platformKey(tx)) {
      throw new DomainError(
        "ALREADY_EXISTS",
        "the platform account exists: `latchkey bootstrap --rotate` replaces a lost token",
      );
    }
    const accountId = newId("acct");
    const system = await insertPlatform(tx, accountId);
    const platform = mint("svc", system.keyId);
    await insertToken(tx, accountId, system.keyId, platform);
    const verifier = options.verifier && (await insertVerifier(tx, accountId, system.profileId, mint));
    options.onMinted({ platform: platform.token, ...(verifier && { verifier }) });
    return {
      result: undefined,
      events: [
        {
          accountId,
          profileId: system.profileId,
          resourceType: "account",
          resourceId: accountId,
          after: { platform: true },
        },
      ],
    };
  });
}

/**
 * Ends all tokens of the platform account's system key at once, and mints a new token. Calls `onMinted` before the commit. If
 * that throws, nothing changes.
 */
export async function rotatePlatformToken(
  db: Store,
  mint: Mint,
  onMinted: (tokens: PlatformTokens) => void,
): Promise<void> {
  return mutateUnchecked(db, "RotatePlatformToken", call, async (tx) => {
    await lockBootstrap(tx);
    const key = await platformKey(tx);
    if (!key)
      throw new DomainError("NOT_FOUND", "the platform account does not exist yet; run `latchkey bootstrap`");
    await endTokens(tx, key.id);
    const minted = mint("svc", key.id);
    await insertToken(tx, key.account_id, key.id, minted);
    // Only this command can enable the key, because the platform account may have no owner.
    await tx.updateTable("api_key").set({ disabled_at: null }).where("id", "=", key.id).execute();
    onMinted({ platform: minted.token });
    return {
      result: undefined,
      events: [
        {
          accountId: key.account_id,
          profileId: key.created_by,
          resourceType: "api_key",
          resourceId: key.id,
          after: { hint: minted.hint, grace_seconds: 0 },
        },
      ],
    };
  });
}

async function insertPlatform(tx: Tx, accountId: string) {
  const name = { name: "platform", description: "", externalId: "", labels: {} };
  // The account was created by its own system profile, which follows in this transaction. The constraint is checked at commit.
  const system = newId("prof");
  await insertAccount(tx, accountId, name, system, true);
  const key = await insertSystemKey(tx, accountId, { system });
  await insertRoles(tx, accountId, system, newRoleIds());
  return key;
}

async function insertVerifier(tx: Tx, accountId: string, createdBy: string, mint: Mint): Promise<string> {
  const id = newId("key");
  const profileId = newId("prof");
  const name = "verifier";
  await tx
    .insertInto("profile")
    .values({ id: profileId, account_id: accountId, type: "api_key", name })
    .execute();
  await tx
    .insertInto("api_key")
    .values({
      id,
      account_id: accountId,
      profile_id: profileId,
      name,
      kind: "application",
      environment: "live",
      workspace_scope: "selected",
      permissions: ["tokens:verify"],
      created_by: createdBy,
    })
    .execute();
  const minted = mint("live", id);
  await insertToken(tx, accountId, id, minted);
  return minted.token;
}

// Of two bootstraps at the same time, the second waits and then finds the account.
async function lockBootstrap(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('latchkey bootstrap'))`.execute(tx);
}

async function platformKey(db: Db) {
  return db
    .selectFrom("account")
    .innerJoin("api_key", "api_key.account_id", "account.id")
    .select(["api_key.id", "api_key.account_id", "api_key.created_by"])
    .where("account.platform", "=", true)
    .where("api_key.system", "=", true)
    .executeTakeFirst();
}
