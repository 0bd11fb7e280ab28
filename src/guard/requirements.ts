import { create } from "@bufbuild/protobuf";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { type VerifyTokenRequest, VerifyTokenRequestSchema } from "../../gen/latchkey/v1/token_service_pb.ts";
import { addressOf } from "./client-address.ts";
import { isPlainObject } from "./plain-object.ts";
import type { GuardOptions, Requirements } from "./types.ts";

/** The values of requirements that name none. */
export type Defaults = Pick<GuardOptions, "account" | "environment">;

/** Requirements that are well-formed, with the defaults of the guard. */
export interface ReadRequirements {
  /** Everything that a verdict depends on besides the token. Different requirements have different texts. */
  readonly text: string;
  readonly accountId: string;
  readonly workspaceId: string;
  readonly permissions: readonly string[];
  readonly entitlements: readonly string[];
  readonly environment: Environment;
  readonly cost: number | undefined;
}

/** Reads requirements. Returns undefined if they are malformed: a mistake must not verify less than its author meant. */
export type ReadRequirement = (required: Requirements) => ReadRequirements | undefined;

// As in the schema of `VerifyToken`.
const maxCost = 1_000_000;
const environments = { live: Environment.LIVE, test: Environment.TEST };
const names = new Set<string>([
  "permissions",
  "workspaceId",
  "accountId",
  "environment",
  "entitlements",
  "cost",
  "clientAddress",
] satisfies (keyof Requirements)[]);

/**
 * Creates a reader of requirements. Throws if a default is malformed, because it would require less than its author meant. It reads a deeply frozen object only
 * once, because such an object never changes.
 */
export function createRequirementsReader(defaults: Defaults): ReadRequirement {
  const { account, environment } = defaults;
  if (!isEnvironment(environment)) throw new TypeError('environment: expected "live" or "test", or no value');
  if (!isId(account)) throw new TypeError("account: expected the id of an account, or no value");
  const known = new WeakMap<Requirements, ReadRequirements>();
  return (required) => {
    const earlier = known.get(required);
    if (earlier) return earlier;
    const result = isWellFormed(required) ? read(required, defaults) : undefined;
    if (result && isFixed(required)) known.set(required, result);
    return result;
  };
}

/** Returns the request that verifies a token by a statement that the server sends after the request arrived. */
export function requestOf(
  token: string,
  required: ReadRequirements,
  clientAddress: string | undefined,
): VerifyTokenRequest {
  const { accountId, workspaceId, permissions, entitlements, environment, cost } = required;
  return create(VerifyTokenRequestSchema, {
    token,
    accountId,
    workspaceId,
    requiredPermissions: [...permissions],
    requiredEntitlements: [...entitlements],
    environment,
    ...(cost !== undefined && { cost }),
    clientAddress: addressOf(clientAddress),
    fresh: true,
  });
}

// The text of requirements without any field.
const nothing = ";;0:0:0;";

function read(required: Requirements, { account, environment: usual }: Defaults): ReadRequirements {
  const { permissions = [], entitlements = [], workspaceId = "", cost } = required;
  const accountId = required.accountId ?? account ?? "";
  const named = required.environment ?? usual;
  const environment = named === undefined ? Environment.UNSPECIFIED : environments[named];
  // Each text has its length before it, so no two lists have the same text.
  const sized = (text: string) => `${text.length}:${text}`;
  const all = `${permissions.map(sized).join("")};${entitlements.map(sized).join("")};${sized(accountId)}${sized(workspaceId)}${environment};${cost ?? ""}`;
  // Most guards require nothing here. An empty text spares each look-up a longer key.
  const text = all === nothing ? "" : all;
  return { text, accountId, workspaceId, permissions, entitlements, environment, cost };
}

function isWellFormed(required: Requirements): boolean {
  if (!isPlainObject(required)) return false;
  const { permissions, entitlements, workspaceId, accountId, environment, cost } = required;
  for (const name in required) if (!names.has(name)) return false;
  return (
    isList(permissions) &&
    isList(entitlements) &&
    isId(workspaceId) &&
    isId(accountId) &&
    isEnvironment(environment) &&
    (cost === undefined || (Number.isInteger(cost) && cost >= 0 && cost <= maxCost))
  );
}

function isList(list: unknown): boolean {
  return list === undefined || (Array.isArray(list) && list.every((one) => typeof one === "string"));
}

function isEnvironment(environment: unknown): boolean {
  return environment === undefined || environment === "live" || environment === "test";
}

// An empty id would require nothing.
function isId(id: unknown): boolean {
  return id === undefined || (typeof id === "string" && id !== "");
}

function isFixed(required: Requirements): boolean {
  // A getter of a frozen object may return another value each time. It has no `value`.
  const fields = Object.values(Object.getOwnPropertyDescriptors(required));
  return (
    Object.isFrozen(required) && fields.every((field) => "value" in field && Object.isFrozen(field.value))
  );
}
