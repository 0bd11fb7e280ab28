import { sql } from "kysely";
import type { MakerRef } from "../access/principal.ts";
import { type Credits, creditsColumn } from "../credit/credit.ts";

/** The fields of a key that the server sets. */
export interface ApiKeyInfo {
  createdBy: MakerRef | undefined;
  workspacesPreview: { id: string; name: string }[];
  workspacesTotal: number;
  lastUsedAt: Date | undefined;
  /** The live tokens, oldest first. */
  tokens: TokenInfo[];
  /** The credits that the key draws on, besides those of its account. Null if their number is not limited. */
  credits: Credits | null;
}

/** A live token of a key, without its secret. */
export interface TokenInfo {
  hint: string;
  createdAt: Date;
  endsAt: Date | null;
  lastUsedAt: Date | null;
  lastClientAddress: string | null;
}

/** The same fields as the database returns them. JSON carries dates as strings. They include tokens that have ended. */
export interface StoredInfo {
  createdBy: MakerRef | null;
  workspacesPreview: { id: string; name: string }[];
  workspacesTotal: number;
  tokens: {
    hint: string;
    live: boolean;
    createdAt: string;
    endsAt: string | null;
    lastUsedAt: string | null;
    lastClientAddress: string | null;
  }[];
  credits: Credits | null;
}

const previewLength = 3;

/** Selects the fields that the server sets, in a statement on `api_key`. It names only the first few workspaces. */
export const infoColumn = sql<StoredInfo>`json_build_object(
  'createdBy', (
    select json_build_object(
      'id', p.id, 'type', p.type, 'name', p.name, 'email', p.email, 'platformKeyId', api_key.platform_key_id
    )
    from profile p where p.id = api_key.created_by
  ),
  'workspacesPreview', (
    select coalesce(json_agg(first_ones), '[]') from (
      select w.id, w.name from workspace_grant g
      join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
      where g.account_id = api_key.account_id and g.profile_id = api_key.profile_id
      order by w.name, w.id
      limit ${sql.lit(previewLength)}
    ) first_ones
  ),
  'workspacesTotal', (
    select count(*) from workspace_grant g
    where g.account_id = api_key.account_id and g.profile_id = api_key.profile_id
  ),
  'tokens', (
    select coalesce(json_agg(json_build_object(
      'hint', t.hint, 'live', coalesce(t.ends_at > clock_timestamp(), true), 'createdAt', t.created_at,
      'endsAt', t.ends_at, 'lastUsedAt', u.last_used_at, 'lastClientAddress', u.client_address
    ) order by t.id), '[]')
    from api_key_token t
    left join api_key_token_use u on u.token_id = t.id
    where t.api_key_id = api_key.id
  ),
  'credits', ${creditsColumn(sql<string>`coalesce(api_key.limited_by_key_id, api_key.id)`)}
)`;

/** Converts the fields that the server sets from their row. A revoked key has no live token. */
export function infoOf(stored: StoredInfo, revoked: boolean): ApiKeyInfo {
  const { createdBy, workspacesPreview, workspacesTotal, tokens, credits } = stored;
  const used = tokens.flatMap(({ lastUsedAt }) => (lastUsedAt ? [Date.parse(lastUsedAt)] : []));
  const live = revoked ? [] : tokens.filter((token) => token.live);
  return {
    createdBy: createdBy ?? undefined,
    workspacesPreview,
    workspacesTotal,
    lastUsedAt: used.length > 0 ? new Date(Math.max(...used)) : undefined,
    tokens: live.map(({ hint, createdAt, endsAt, lastUsedAt, lastClientAddress }) => ({
      hint,
      createdAt: new Date(createdAt),
      endsAt: date(endsAt),
      lastUsedAt: date(lastUsedAt),
      lastClientAddress,
    })),
    credits,
  };
}

function date(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
