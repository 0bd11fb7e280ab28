import { actPermission } from "../../domain/access/acting.ts";
import { holds } from "../../domain/access/permission.ts";
import type { Principal } from "../../domain/access/principal.ts";
import type { Loaded } from "../cache/load.ts";
import type { Credential, Embed } from "./credential.ts";
import { evaluateForTenant, type ForTenant } from "./evaluate-tenant.ts";
import { accountMismatch, type Requirements } from "./verdict.ts";

/**
 * Evaluates an embed session in its account. It acts there as its key would, with fewer permissions and workspaces, and without
 * what only the platform may do. `key` is the principal of the key in its own account.
 */
export function evaluateEmbed(
  tenant: Loaded["tenant"],
  { id, openings: [own] }: Pick<Credential, "id" | "openings">,
  embed: Embed,
  key: Principal,
  requirements: Requirements,
): ForTenant {
  const accountId = requirements.accountId || embed.account_id;
  if (accountId !== embed.account_id) return { failures: [accountMismatch(accountId)] };
  // A key that may no longer act for accounts ends its sessions.
  if (!own?.platform || !holds(own.held, actPermission)) {
    return { failures: [{ verdict: "REVOKED", metadata: { session_id: id } }] };
  }
  const result = evaluateForTenant(
    tenant,
    { own: { ...own, held: embed.held }, call: { whileSuspended: false } },
    key,
    { ...requirements, accountId },
  );
  const { principal } = result;
  if (!principal?.home) return result;
  return {
    ...result,
    principal: {
      ...principal,
      workspaceScope: "selected",
      workspaceIds: embed.liveWorkspaces,
      home: { ...principal.home, managesAccounts: false },
      embedSessionId: id,
    },
  };
}
