import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { isUniqueViolation } from "../../db/errors.ts";
import { DomainError } from "./error.ts";

/** The kinds of resources that have an external id. Each is the name of its table. */
export type ExternalKind = "account" | "api_key" | "workspace" | "team" | "role" | "service_account";

/** The condition under which a resource counts: its external id is then taken. Expired keys count, ended resources do not. */
export const countsAsTaken: Record<ExternalKind, string> = {
  account: "deleted_at is null",
  api_key: "revoked_at is null",
  workspace: "archived_at is null",
  team: "true",
  role: "true",
  service_account: "true",
};

/**
 * Finds the resource that has an external id: in the account, or for an account in the whole deployment. Returns undefined
 * for an empty or missing external id. Read it under the locks of a change. Two changes at the same time both find nothing.
 * The database then refuses the second one, which tries again and finds the first.
 */
export async function findByExternalId(
  tx: Tx,
  kind: ExternalKind,
  accountId: string,
  externalId: string | undefined,
): Promise<string | undefined> {
  if (!externalId) return undefined;
  const here = kind === "account" ? sql`` : sql`and account_id = ${accountId}`;
  const { rows } = await sql<{ id: string }>`
    select id from ${sql.table(kind)}
    where external_id = ${externalId} and external_id <> '' ${here} and ${sql.raw(countsAsTaken[kind])}`.execute(
    tx,
  );
  return rows[0]?.id;
}

/** Fails with `ALREADY_EXISTS`, which names the resource that has the external id, unless that is `own` itself. */
export function requireFree(found: string | undefined, own?: string): void {
  if (found !== undefined && found !== own) throw externalIdTaken({ id: found });
}

/**
 * The same for an external id of an account, which may be that of another tenant. Only a key of the platform learns which
 * account has it.
 */
export function requireFreeAccount(found: string | undefined, isPlatformKey: boolean, own?: string): void {
  if (found !== undefined && found !== own) throw externalIdTaken(isPlatformKey ? { id: found } : {});
}

/** Returns whether the database refused a row because another change has just taken its external id. */
export function isExternalIdTaken(error: unknown): boolean {
  return Object.keys(countsAsTaken).some((kind) => isUniqueViolation(error, `${kind}_external_id`));
}

function externalIdTaken(first: Record<string, string>): DomainError {
  return new DomainError("ALREADY_EXISTS", "another resource of this kind has this external_id", {
    field: "metadata.external_id",
    ...first,
  });
}
