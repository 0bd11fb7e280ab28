import type { Selectable } from "kysely";
import type { Database, OpeningJson } from "../db/schema.ts";
import { digestOf } from "../domain/token.ts";

/** A row of the view `credential`. */
export type CredentialRow = Selectable<Database["credential"]>;

/** A key or a session with the digests of its tokens, and what it opens: the view's row as memory keeps it. */
export interface Credential extends Omit<CredentialRow, "tokens" | "openings"> {
  tokens: { id: string | null; digest: string; ends_at: number | null }[];
  openings: Opening[];
}

/** What a credential opens in one account; the workspaces by their ids. */
export interface Opening extends Omit<OpeningJson, "workspaces"> {
  liveWorkspaces: readonly string[];
  archivedWorkspaces: readonly string[];
}

/** Only what the view says, in as little room as it takes: it is kept for long. */
export function toCredential(row: CredentialRow): Credential {
  const { id, kind, system, environment, expires_at, disabled_at, revoked_at, user_id, last_used_at } = row;
  return {
    id,
    kind,
    system,
    environment,
    expires_at,
    disabled_at,
    revoked_at,
    user_id,
    last_used_at,
    tokens: row.tokens.map((token) => ({
      id: token.id,
      digest: digestOf(token.hash),
      ends_at: token.ends_at,
    })),
    openings: row.openings.map(toOpening),
  };
}

// An object with an id for each name would be of a class of its own, and take several times as much.
function toOpening({ workspaces, ...opening }: OpeningJson): Opening {
  const ids = Object.keys(workspaces);
  return {
    ...opening,
    account_id: shared(opening.account_id),
    permissions: opening.permissions.map(shared),
    owner_permissions: opening.owner_permissions?.map(shared) ?? null,
    entitlements: opening.entitlements.map(shared),
    liveWorkspaces: ids.filter((id) => workspaces[id]),
    archivedWorkspaces: ids.filter((id) => !workspaces[id]),
  };
}

// Texts that many credentials have in common: each is kept once. Beyond so many, nobody has enough in common.
const texts = new Map<string, string>();
const maxTexts = 10_000;

function shared(text: string): string {
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size < maxTexts) texts.set(text, text);
  return text;
}
