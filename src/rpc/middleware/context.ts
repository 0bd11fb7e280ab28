import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
  type ConnectError,
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { Call, Caller, Principal, UserCaller } from "../../domain/access/principal.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import type { Evaluation } from "../../verify/evaluate/evaluate.ts";

/** The header in which a user names the account. */
export const accountHeader = "latchkey-account";

/** The bearer of a call, as the auth interceptor resolved it: none, a signed-in user, or a principal of an account. */
export type Bearer =
  | { type: "anonymous" }
  | { type: "user"; user: UserCaller }
  | { type: "principal"; caller: Caller };

/** A call with the header of the console. */
export interface ConsoleCall {
  /** Why the call must be refused. Unset: it comes from a page of this server. */
  readonly refusal?: { kind: "foreign" | "unsupported"; message: string; header: string } | undefined;
  /** Whether the bearer is the session in the browser's cookie. */
  readonly hasCookieBearer: boolean;
  /** Makes the response set the cookie. */
  keepSession(token: string): void;
  /** Makes the response remove the cookie, and everything that pages of this server stored in the browser. */
  clearBrowser(): void;
}

/** What the server knows about one call, from its first byte to its end. */
export interface CallRecord {
  requestId: string;
  clientAddress: string;
  /** The key by which limits count the client's address. */
  addressKey: string;
  /** Set when the call reached a method. */
  method?: string;
  bearer: Bearer;
  /** Set if the call has the header of the console. */
  console?: ConsoleCall;
  /** The principal of the bearer that the client sent, even if the call was refused. For the log only. */
  shown?: Principal | undefined;
  /** The evaluation by which the bearer passed, and the call as it was then. Both serve to evaluate the bearer again. */
  passed?: Evaluation;
  arrival?: Arrival;
  /** The evaluation that the response consists of, before it took from any limit. Set if the response consists of one. */
  soleEvaluation?: Evaluation;
  /** What that verification takes from rate limits. Unset: the own cost of each limit. */
  soleCost?: number | undefined;
  /** Set if the verifications of this call take nothing from limits and credits. */
  takesNothing?: true;
  /** The client address that the request of that evaluation names. */
  soleClientAddress?: string | undefined;
  /** Set when the message was read and parsed. */
  parsed?: true;
  /** The error that Connect ended the call with. */
  error?: ConnectError;
  /** Set when the call ended: `ok`, or the code of its error. */
  code?: string;
  /** The reason of its error, if there is one. */
  reason?: string;
}

/** What the server knows about a call before its body is read. */
export interface Arrival {
  /** How the log and the audit events call it, if it came to an endpoint of another standard. Unset: the name of its method. */
  readonly name?: string;
  readonly service: DescService;
  readonly method: DescMethod;
  readonly requestHeader: Pick<Headers, "get" | "has">;
  readonly responseHeader: Pick<Headers, "set">;
  readonly values: ContextValues;
  readonly timeoutMs: () => number | undefined;
}

const recordKey = createContextKey<CallRecord | undefined>(undefined);

/** Returns the context values of a call, which contain its record. */
export function withRecord(record: CallRecord): ContextValues {
  return createContextValues().set(recordKey, record);
}

/** Returns the record of a call. Creates one for a call that came through the in-memory transport. */
export function recordOf(values: ContextValues): CallRecord {
  const known = values.get(recordKey);
  if (known) return known;
  const record: CallRecord = {
    requestId: "in-memory",
    clientAddress: "",
    addressKey: "",
    bearer: { type: "anonymous" },
  };
  values.set(recordKey, record);
  return record;
}

/** Returns what an audit event records about this call, and how much time is left until its deadline. */
export function callOf({ values, timeoutMs }: Pick<HandlerContext, "values" | "timeoutMs">): Call {
  const { requestId, clientAddress, addressKey, method = "" } = recordOf(values);
  return { requestId, clientAddress, addressKey, method, timeLeftMs: timeoutMs };
}

/** Returns the principal that makes this call. Fails if there is none. */
export function callerOf({ values }: Pick<HandlerContext, "values">): Caller {
  const { bearer } = recordOf(values);
  if (bearer.type !== "principal")
    throw new DomainError(
      "MISSING_API_KEY",
      "this call needs a principal: send an API key, or a session and an account",
    );
  return bearer.caller;
}

/** Returns the signed-in user that makes this call. Fails if there is none. */
export function userOf({ values }: Pick<HandlerContext, "values">): UserCaller {
  const { bearer } = recordOf(values);
  if (bearer.type !== "user")
    throw new DomainError("LOGIN_REQUIRED", "this call needs a signed-in user: log in first");
  return bearer.user;
}

/** Returns the signed-in user that makes this call, if there is one. */
export function optionalUserOf({ values }: Pick<HandlerContext, "values">): UserCaller | undefined {
  const { bearer } = recordOf(values);
  return bearer.type === "user" ? bearer.user : undefined;
}
