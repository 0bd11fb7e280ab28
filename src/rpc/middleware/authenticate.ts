import type { Authority, Seen } from "../../domain/access/authority.ts";
import type { Newcomer } from "../../domain/access/external-issuer.ts";
import { parsePermission } from "../../domain/access/permission.ts";
import type { Call } from "../../domain/access/principal.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import type { Refusals } from "../../domain/kernel/refusal.ts";
import { parseToken } from "../../domain/kernel/token.ts";
import type { Judgement } from "../../verify/evaluate/evaluate.ts";
import type { Uses } from "../../verify/last-used.ts";
import type { Inquiry, Resolver } from "../../verify/resolve.ts";
import { optionalUser, orOwn, type Rule, ruleOf } from "./access.ts";
import { admitPrincipal, admitUser } from "./admission.ts";
import { type Arrival, accountHeader, type Bearer, recordOf } from "./context.ts";

/** What resolving a bearer depends on. */
export interface AuthenticateDeps {
  resolver: Resolver;
  uses: Uses;
  refusals: Refusals;
  tokenPrefix: string;
  /** Makes the user, and where needed the profile, of somebody whom an outside issuer vouches for. */
  welcome(call: Call, newcomer: Newcomer): Promise<void>;
}

/**
 * Resolves the bearer of a call and holds it against the method's access rule, before the body is read. A method
 * without a rule is closed to everybody. RFC 6750: the token comes in the `Authorization` header and nowhere else.
 *
 * A call whose bearer passed `before` is evaluated again. It stays in the account that it was in, and nobody is provisioned.
 */
export async function authenticate(
  deps: AuthenticateDeps,
  context: Arrival,
  call: Call,
  before?: Judgement,
): Promise<Bearer> {
  const rule = ruleFor(context);
  if (rule.case === "public" && rule.value) return { type: "nobody" };
  if (rule.case === undefined || rule.value === false || rule.value === "") {
    throw new DomainError("PERMISSION_DENIED", "this method is closed");
  }
  const inquiry = inquiryOf(context, rule, call);
  const asked = before ? inSameAccount(inquiry, before) : inquiry;
  let judgement = await resolveOne(deps, asked);
  if (judgement.newcomer && !before) {
    await deps.welcome(call, judgement.newcomer);
    judgement = await resolveOne(deps, asked);
  }
  // Also of a call that is refused, the log says whose it was. It admits nobody: only the bearer does.
  const record = recordOf(context.values);
  record.shown = judgement.principal ?? record.shown;
  try {
    const bearer = bearerOf(deps, rule, asked, judgement, call);
    deps.uses.record(judgement);
    record.passed = judgement;
    return bearer;
  } catch (error) {
    const { principal } = judgement;
    const denied = error instanceof DomainError && error.reason === "PERMISSION_DENIED";
    if (denied && principal) deps.refusals.record(principal, call, error.reason);
    throw error;
  }
}

function inquiryOf({ requestHeader, method }: Arrival, rule: Rule, call: Call): Inquiry {
  const token = bearerToken(requestHeader);
  const accountId = requestHeader.get(accountHeader) ?? "";
  return {
    token,
    caller: call.addressKey,
    fresh: false,
    accountId: rule.case === "user" ? "" : accountId,
    workspaceId: "",
    permissions: orOwn(method) ? [] : requiredBy(rule),
    entitlements: [],
    environment: undefined,
    own: rule.case === "user" ? "user" : "principal",
  };
}

// A user whose only account is another one by now does not act there: the request was not meant for it.
function inSameAccount(inquiry: Inquiry, { principal }: Judgement): Inquiry {
  return inquiry.own === "user" || !principal ? inquiry : { ...inquiry, accountId: principal.accountId };
}

function bearerOf(
  { resolver, tokenPrefix }: AuthenticateDeps,
  rule: Rule,
  inquiry: Inquiry,
  judgement: Judgement,
  call: Call,
): Bearer {
  const parsed = parseToken(tokenPrefix, inquiry.token);
  function authority<T>(admitted: (again: Judgement) => T): Authority<T> {
    const credential = judgement.basis?.credential;
    if (!credential) throw new Error("a bearer without a credential");
    const asked = inSameAccount(inquiry, judgement);
    const evaluate = async (seen: Seen) => admitted(await resolver.evaluateSeen(judgement, asked, seen));
    return { credentialId: credential.id, kind: credential.kind, evaluate };
  }
  if (rule.case === "user") {
    const user = admitUser(judgement, parsed);
    return {
      type: "user",
      user: { ...user, call, authority: authority((again) => void admitUser(again, parsed)) },
    };
  }
  const principal = admitPrincipal(rule, judgement, parsed);
  const again = authority((seen) => admitPrincipal(rule, seen, parsed));
  return { type: "principal", caller: { ...principal, call, authority: again } };
}

async function resolveOne({ resolver }: AuthenticateDeps, inquiry: Inquiry): Promise<Judgement> {
  const [judgement] = await resolver.resolve([inquiry]);
  if (!judgement) throw new Error("the resolver did not answer");
  return judgement;
}

// A public method that knows users asks for one where there is a bearer.
function ruleFor({ method, requestHeader }: Arrival): Rule {
  const rule = ruleOf(method);
  const asUser = rule.case === "public" && optionalUser(method) && requestHeader.has("authorization");
  return asUser ? { case: "user", value: true } : rule;
}

function requiredBy(rule: Rule): string[] {
  if (rule.case !== "permission" && rule.case !== "platformPermission") return [];
  // A rule that is no permission would be held by nobody but `*`: better that nobody holds it at all.
  if (parsePermission(rule.value) !== rule.value) throw new Error(`not a permission: ${rule.value}`);
  return [rule.value];
}

function bearerToken(headers: Arrival["requestHeader"]): string {
  const header = headers.get("authorization");
  if (header === null) {
    throw new DomainError("MISSING_API_KEY", "send `Authorization: Bearer <token>`", {
      header: "authorization",
    });
  }
  const [, token] = /^Bearer +([!-~]+)$/i.exec(header.trim()) ?? [];
  if (token === undefined) {
    throw new DomainError("INVALID_API_KEY", "expected `Authorization: Bearer <token>`", {
      header: "authorization",
    });
  }
  return token;
}
