import { Environment } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { VerifyTokenResponse } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import type { Clients } from "../app.ts";

/** The reach of a token by `VerifyToken`: each accepted combination, and its end in seconds. */
export type Cells = Map<string, number>;

/** A token, and whether its end counts. The end of a session does not count, because its user can log in again. */
export interface Witness {
  id: string;
  token: string;
  session: boolean;
  /** Whether this is a platform key that acts for the account. */
  acts?: boolean;
}

const probes = ["*", "*:*", "*:start", "*:read", "*:write", "platform.*:read", "platform.*:write"];
const named = [
  "agents:read",
  "agents:write",
  "agents:*",
  "agents:start",
  "runs:start",
  "logs:read",
  "accounts:act",
];
const own = ["api_keys", "roles", "teams", "profiles", "invites", "service_accounts", "workspaces"];
const wanted = [...probes, ...named, ...own.flatMap((one) => [`${one}:write`, `${one}:manage`])];
const environments = [Environment.TEST, Environment.LIVE];
const batchSize = 100;

/** Verifies each token for every permission, without a workspace and in each of these workspaces, in each environment. */
export async function reachByVerdict(
  { tokens }: Pick<Clients, "tokens">,
  accountId: string,
  workspaces: readonly string[],
  witnesses: readonly Witness[],
): Promise<Map<string, Cells>> {
  const places = ["", ...workspaces];
  const combinations = witnesses.flatMap((witness) =>
    // No verdict says what a key reaches where it acts: what it reaches at home, except accounts, in all workspaces.
    (witness.acts ? [""] : places).flatMap((workspaceId) =>
      environments.map((environment) => ({ witness, workspaceId, environment })),
    ),
  );
  const reached = new Map<string, Cells>(witnesses.map(({ id }) => [id, new Map()]));
  for (let from = 0; from < combinations.length; from += batchSize) {
    const some = combinations.slice(from, from + batchSize);
    const requests = some.map(({ witness: { token, acts }, workspaceId, environment }) => ({
      ...{ token, accountId: acts ? "" : accountId, workspaceId, environment },
      ...{ requiredPermissions: wanted, dryRun: true },
    }));
    const { responses } = await tokens.batchVerifyTokens({ requests });
    for (const [index, response] of responses.entries()) {
      const one = some[index];
      const cells = one && reached.get(one.witness.id);
      if (!one || !cells) throw new Error("there are more responses than requests");
      const end = one.witness.session ? Number.POSITIVE_INFINITY : endOf(response);
      for (const permission of granted(response)) {
        if (one.witness.acts && permission.startsWith("accounts:")) continue;
        for (const place of one.witness.acts ? places : [one.workspaceId]) {
          cells.set([permission, place, one.environment].join(" "), end);
        }
      }
    }
  }
  return reached;
}

/** Returns the combinations of the first that the second lacks, or has only for a shorter time. */
export function beyond(cells: Cells, held: Cells | undefined): string[] {
  return [...cells].flatMap(([cell, end]) => (end <= (held?.get(cell) ?? -1) ? [] : [cell]));
}

/** Returns the permissions and workspaces that occur. */
export function withinCells(cells: Cells): { permissions: string[]; workspaces: string[] } {
  const parts = [...cells.keys()].map((cell) => cell.split(" "));
  const all = (index: number) =>
    [...new Set(parts.map((part) => part[index] ?? ""))].filter((one) => one !== "");
  return { permissions: all(0), workspaces: all(1) };
}

// Admission without a permission counts too. Only rules about permissions may fail.
function granted({ valid, failedRules }: VerifyTokenResponse): string[] {
  if (valid) return ["", ...wanted];
  if (failedRules.some(({ verdict }) => verdict !== Verdict.PERMISSION_DENIED)) return [];
  const missing = new Set(failedRules.map(({ metadata }) => metadata.permission));
  return ["", ...wanted.filter((one) => !missing.has(one))];
}

function endOf({ endsAt }: VerifyTokenResponse): number {
  return endsAt ? Number(endsAt.seconds) : Number.POSITIVE_INFINITY;
}
