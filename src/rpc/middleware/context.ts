import type { DescMethod, DescService } from "@bufbuild/protobuf";
import {
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

/** Who makes a call, as the gate resolved it: nobody, a signed-in user, or a principal of an account. */
export type Bearer =
  | { type: "nobody" }
  | { type: "user"; user: UserCaller }
  | { type: "principal"; caller: Caller };

/** One call: what is known of it from its first byte, and what becomes known on the way. For logs and metrics. */
export interface CallRecord {
  requestId: string;
  clientAddress: string;
  /** By what limits count the client's address. */
  addressKey: string;
  /** Set once the call reached a method. */
  method?: string;
  bearer: Bearer;
  /** Whose bearer was shown, refused or not: for the log alone. */
  shown?: Principal | undefined;
  /** The judgement that its bearer passed by, and what was known of the call then: to evaluate the bearer again. */
  passed?: Evaluation;
  arrival?: Arrival;
  /** The judgement that is all of its answer. */
  answered?: Evaluation;
  /** Set once its message was read and parsed. */
  parsed?: true;
  /** The signal of the call, if Connect handles it. If the call fails, Connect aborts the signal with the error. */
  signal?: AbortSignal;
  /** Set when the call was answered: `ok`, or the code of its error. */
  code?: string;
  /** The reason of its error, where it has one. */
  reason?: string;
}

/** What is known of a call before its body is read. */
export interface Arrival {
  readonly service: DescService;
  readonly method: DescMethod;
  readonly requestHeader: Pick<Headers, "get" | "has">;
  readonly responseHeader: Pick<Headers, "set">;
  readonly values: ContextValues;
  readonly timeoutMs: () => number | undefined;
}

const recordKey = createContextKey<CallRecord | undefined>(undefined);

/** Context values for a call that carry its record. */
export function withRecord(record: CallRecord): ContextValues {
  return createContextValues().set(recordKey, record);
}

/** The record of a call. Makes one for a call that came in memory. */
export function recordOf(values: ContextValues): CallRecord {
  const known = values.get(recordKey);
  if (known) return known;
  const record: CallRecord = {
    requestId: "in-memory",
    clientAddress: "",
    addressKey: "",
    bearer: { type: "nobody" },
  };
  values.set(recordKey, record);
  return record;
}

/** What an audit event says of this call, and how long its caller waits. */
export function callOf({ values, timeoutMs }: Pick<HandlerContext, "values" | "timeoutMs">): Call {
  const { requestId, clientAddress, addressKey, method = "" } = recordOf(values);
  return { requestId, clientAddress, addressKey, method, timeLeftMs: timeoutMs };
}

/** The principal that makes this call. */
export function callerOf({ values }: Pick<HandlerContext, "values">): Caller {
  const { bearer } = recordOf(values);
  if (bearer.type !== "principal") throw new DomainError("MISSING_API_KEY", "this call needs a principal");
  return bearer.caller;
}

/** The signed-in user that makes this call. */
export function userOf({ values }: Pick<HandlerContext, "values">): UserCaller {
  const { bearer } = recordOf(values);
  if (bearer.type !== "user") throw new DomainError("LOGIN_REQUIRED", "this call needs a signed-in user");
  return bearer.user;
}

/** The signed-in user that makes this call, where there is one. */
export function optionalUserOf({ values }: Pick<HandlerContext, "values">): UserCaller | undefined {
  const { bearer } = recordOf(values);
  return bearer.type === "user" ? bearer.user : undefined;
}
