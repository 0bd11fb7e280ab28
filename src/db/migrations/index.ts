import type { Kysely } from "kysely";
import * as account from "./0001_account.ts";
import * as workspace from "./0002_workspace.ts";
import * as apiKey from "./0003_api_key.ts";
import * as session from "./0004_session.ts";
import * as auditEvent from "./0005_audit_event.ts";
import * as credential from "./0006_credential.ts";
import * as team from "./0007_team.ts";
import * as people from "./0008_people.ts";
import * as credentialOfPeople from "./0009_credential.ts";
import * as outsideIdentity from "./0010_outside_identity.ts";
import * as mintedBy from "./0011_minted_by.ts";
import * as changeFeed from "./0012_change_feed.ts";
import * as authority from "./0013_authority.ts";
import * as audit from "./0014_audit.ts";
import * as rights from "./0015_rights.ts";
import * as pending from "./0016_pending.ts";
import * as bearer from "./0017_bearer.ts";
import * as auditResourceType from "./0018_audit_resource_type.ts";
import * as externalId from "./0019_external_id.ts";
import * as verdictNames from "./0020_verdict_names.ts";
import * as acting from "./0021_acting.ts";
import * as makerPermission from "./0022_maker_permission.ts";
import * as cheaperPlans from "./0023_cheaper_plans.ts";
import * as authorityOfOneKind from "./0024_authority.ts";
import * as limits from "./0025_limits.ts";
import * as spend from "./0026_spend.ts";
import * as rateLimitCounter from "./0027_rate_limit_counter.ts";
import * as feedAccounts from "./0028_feed_accounts.ts";
import * as usage from "./0029_usage.ts";
import * as embedSession from "./0030_embed_session.ts";
import * as clientAddressTime from "./0031_client_address_time.ts";
import * as embedEnd from "./0032_embed_end.ts";
import * as counterClock from "./0033_counter_clock.ts";
import * as cheaperAuthority from "./0034_cheaper_authority.ts";

/** One numbered step forward. A server's level is the number of migrations it knows. */
export interface Migration {
  name: string;
  /** The lowest level of server that still works with the database after this step. */
  oldestServer: number;
  up(db: Kysely<unknown>): Promise<void>;
}

/** Every migration, in order. Released ones are never edited, reordered or removed. */
export const migrations: readonly Migration[] = [
  { name: "0001_account", ...account },
  { name: "0002_workspace", ...workspace },
  { name: "0003_api_key", ...apiKey },
  { name: "0004_session", ...session },
  { name: "0005_audit_event", ...auditEvent },
  { name: "0006_credential", ...credential },
  { name: "0007_team", ...team },
  { name: "0008_people", ...people },
  { name: "0009_credential", ...credentialOfPeople },
  { name: "0010_outside_identity", ...outsideIdentity },
  { name: "0011_minted_by", ...mintedBy },
  { name: "0012_change_feed", ...changeFeed },
  { name: "0013_authority", ...authority },
  { name: "0014_audit", ...audit },
  { name: "0015_rights", ...rights },
  { name: "0016_pending", ...pending },
  { name: "0017_bearer", ...bearer },
  { name: "0018_audit_resource_type", ...auditResourceType },
  { name: "0019_external_id", ...externalId },
  { name: "0020_verdict_names", ...verdictNames },
  { name: "0021_acting", ...acting },
  { name: "0022_maker_permission", ...makerPermission },
  { name: "0023_cheaper_plans", ...cheaperPlans },
  { name: "0024_authority", ...authorityOfOneKind },
  { name: "0025_limits", ...limits },
  { name: "0026_spend", ...spend },
  { name: "0027_rate_limit_counter", ...rateLimitCounter },
  { name: "0028_feed_accounts", ...feedAccounts },
  { name: "0029_usage", ...usage },
  { name: "0030_embed_session", ...embedSession },
  { name: "0031_client_address_time", ...clientAddressTime },
  { name: "0032_embed_end", ...embedEnd },
  { name: "0033_counter_clock", ...counterClock },
  { name: "0034_cheaper_authority", ...cheaperAuthority },
];

/** The migrations before external ids became unique. The command that clears duplicates needs no later one. */
export const beforeUniqueExternalIds: readonly Migration[] = migrations.slice(
  0,
  migrations.findIndex(({ up }) => up === externalId.up),
);
