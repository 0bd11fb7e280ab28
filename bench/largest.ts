import { deepStrictEqual } from "node:assert";
import type { Bounds } from "../src/domain/access/bounds.ts";
import type { Principal } from "../src/domain/access/principal.ts";
import { atOnce } from "../src/domain/kernel/slices.ts";
import { digestOf } from "../src/domain/kernel/token.ts";
import { type CredentialRow, toCredentials } from "../src/verify/evaluate/credential.ts";
import { type Evaluation, evaluate } from "../src/verify/evaluate/evaluate.ts";
import type { Requirements } from "../src/verify/evaluate/verdict.ts";

/** The largest principal that some bounds allow, evaluated against the largest requirements of one request. */
export interface Largest {
  /** The size of its row, in bytes. */
  bytes: number;
  principal: Principal;
  /** Converts its row into a cache entry. */
  load(): void;
  /** Evaluates it once. It meets all requirements. */
  evaluate(): Evaluation;
  /** Evaluates it once. It meets none of the requirements. */
  evaluateInVain(): Evaluation;
}

// The schema of the request allows no more permissions and entitlements.
const required = 64;
export const entitlements = 256;

/** Creates a service key whose owner has as many permissions, workspaces and tokens as the bounds allow. */
export function largest(bounds: Bounds): Largest {
  const text = JSON.stringify(rowOf(bounds));
  const load = () => atOnce(toCredentials([JSON.parse(text)]));
  const [credential] = load();
  const workspaceId = id("ws", bounds.workspacesPerProfile - 1);
  const requirements: Requirements = {
    accountId: "",
    workspaceId,
    permissions: list(required, (n) => permission(bounds.permissionsPerPrincipal - 1 - n)),
    entitlements: list(required, (n) => `entitlement_${entitlements - n}`),
    environment: undefined,
  };
  const unmet = {
    ...requirements,
    permissions: requirements.permissions.map((one) => `${one}ed`),
    entitlements: requirements.entitlements.map((one) => `${one}0`),
  };
  const workspace = { id: workspaceId, accountId: id("acct", 0), live: true };
  const loaded = { credential, workspace, now: new Date() };
  const digest = digestOf(hash(bounds.tokensPerKey - 1));
  const evaluateFor = (one: Requirements) => evaluate(loaded, digest, one, { sessionIdleMs: 1 });
  const { principal, failures } = evaluateFor(requirements);
  deepStrictEqual(failures, []);
  if (!principal) throw new Error("the evaluation returned no principal");
  return {
    bytes: text.length,
    principal,
    load,
    evaluate: () => evaluateFor(requirements),
    evaluateInVain: () => evaluateFor(unmet),
  };
}

function rowOf(bounds: Bounds): CredentialRow {
  return {
    id: id("key", 0),
    kind: "service",
    system: false,
    environment: null,
    user_id: null,
    expires_at: null,
    disabled_at: null,
    revoked_at: null,
    last_used_at: null,
    tokens: list(bounds.tokensPerKey, (n) => ({
      id: String(n),
      hash: hash(n),
      ends_at: n + 1 < bounds.tokensPerKey ? 1 : null,
    })),
    accounts: null,
    embed: null,
    name: "Robot's key",
    external_id: "key",
    labels: Object.fromEntries(list(64, (n) => [`label-${n}`, "x"])),
    openings: [
      {
        account_id: id("acct", 0),
        external_id: "account",
        platform: false,
        suspended: false,
        entitlements: list(entitlements, (n) => `entitlement_${n + 1}=${n + 1}`),
        profile: { id: id("prof", 0), type: "service_account", name: "Robot", email: "" },
        owner: false,
        permissions: ["*"],
        owner_permissions: list(bounds.permissionsPerPrincipal, permission),
        workspace_scope: "selected",
        workspaces: Object.fromEntries(list(bounds.workspacesPerProfile, (n) => [id("ws", n), true])),
      },
    ],
  };
}

function id(kind: string, n: number): string {
  return `${kind}_${n.toString(32).padStart(26, "0")}`;
}

function permission(n: number): string {
  return `resource_${n}:start`;
}

function hash(n: number): string {
  return n.toString(16).padStart(64, "0");
}

function list<T>(length: number, make: (n: number) => T): T[] {
  return Array.from({ length }, (_, n) => make(n));
}
