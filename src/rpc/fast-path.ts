import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import type { Authority } from "../domain/access/authority.ts";
import type { Principal } from "../domain/access/principal.ts";
import type { Loader } from "../verify/cache/loader.ts";
import { createResponseCache, digest } from "../verify/cache/response-cache.ts";
import type { RateLimitRule } from "../verify/evaluate/draws.ts";
import type { Evaluation } from "../verify/evaluate/evaluate.ts";
import type { Taken } from "../verify/limits/store.ts";
import { type Used, usedOf } from "../verify/usage.ts";
import { type FastPathCall, type FastPathDeps, fastPathMethod } from "./fast-path-method.ts";
import { createAuthInterceptor, failCall } from "./middleware/auth-interceptor.ts";
import { callerSignal } from "./middleware/caller-signal.ts";
import { type Arrival, accountHeader, type CallRecord, callOf, recordOf } from "./middleware/context.ts";
import { takeOwnLimits } from "./middleware/own-limits.ts";
import { turnOf } from "./middleware/turn.ts";
import type { Validate } from "./middleware/validate.ts";
import { rateLimitAddition, withoutRateLimit } from "./rate-limit-status.ts";
import type { TokenDeps, verification } from "./token-service.ts";
import { verifyBodyOf } from "./verify-body.ts";

/** What the methods that verify depend on. */
export interface VerificationDeps extends FastPathDeps, Pick<TokenDeps, "onVerdict"> {
  loader: Loader;
  /** The memory that kept responses may take, in bytes. */
  keptBytes: number;
}

type Payload = string | Uint8Array;

type Addition = ReturnType<typeof rateLimitAddition>;

interface KeptResponse {
  payload: Payload;
  used: Used;
  /** The address that the request named, if it is a part of the inputs. */
  clientAddress: string | undefined;
  /** The rate limits that each call takes from, and what it takes. */
  limits: readonly RateLimitRule[];
  cost: number | undefined;
}

/** A response that is sent again, and the field that is different in each. */
interface Recalled {
  payload: Payload;
  addition: Addition;
}

type MaybePromise<T> = T | Promise<T>;

const evaluationBytes = 1_024;
// Kept evaluations may take a tenth of the memory that kept responses may take.
const evaluationShare = 1 / 10;
// A kept evaluation has no token, so it cannot be evaluated again. Verifications change nothing and never do that.
const noChange: Authority<Principal> = {
  credentialId: "",
  kind: "application",
  evaluate: () => Promise.reject(new Error("a verification changes nothing")),
};

/**
 * Returns the methods that other services call for each of their own requests. The fast path serves them with the same
 * authentication, validation, operations and errors as Connect does, and keeps what it may send again.
 */
export function verificationMethods(
  deps: VerificationDeps,
  validate: Validate,
  { verifyToken, batchVerifyTokens }: ReturnType<typeof verification>,
) {
  const { method } = TokenService;
  const keeping = (one: DescMethodUnary) => ({
    ...keptEvaluations(deps, `${one.parent.typeName}/${one.name}`),
    ...keptResponses(deps),
  });
  return [
    {
      ...fastPathMethod(deps, validate, method.verifyToken, (request, call) =>
        request.dryRun
          ? explaining(deps, method.verifyToken, request, call, verifyToken)
          : verifyToken(request, call),
      ),
      ...keeping(method.verifyToken),
      ...keptResponses(deps, verifyBodyOf, rateLimitAddition),
      lasting: withoutRateLimit,
    },
    {
      ...fastPathMethod(deps, validate, method.batchVerifyTokens, (batch, call) =>
        batch.requests.some(({ dryRun }) => dryRun)
          ? explaining(deps, method.batchVerifyTokens, batch, call, batchVerifyTokens)
          : batchVerifyTokens(batch, call),
      ),
      ...keeping(method.batchVerifyTokens),
    },
  ];
}

// An explanation sends statements of its own. They end with the deadline of the call, as they do through Connect.
function explaining<M extends Message, R>(
  { operate }: VerificationDeps,
  method: DescMethodUnary,
  message: M,
  call: FastPathCall,
  verify: (message: M, call: FastPathCall) => Promise<R>,
): Promise<R> {
  const turn = turnOf({ method, contextValues: call.values, message });
  return operate(turn, callerSignal(call.signal()), () => verify(message, call));
}

/**
 * Authorizes calls by the kept evaluation of their bearer, or in full if there is none that still holds. `keyOf` returns
 * everything in the headers that the evaluation depends on.
 */
export function keptEvaluations(
  deps: Omit<VerificationDeps, "onVerdict" | "boundsOf">,
  name: string,
  keyOf: (header: Pick<Headers, "get">) => string = evaluationKey,
) {
  const authenticate = createAuthInterceptor(deps);
  const kept = createResponseCache<Evaluation>(deps.loader, deps.keptBytes * evaluationShare);

  async function authenticateAndKeep(arrival: Arrival, key: string): Promise<void> {
    await authenticate(arrival);
    const { passed } = recordOf(arrival.values);
    if (passed) kept.keep(key, passed, passed, evaluationBytes);
  }

  function takeForCall(arrival: Arrival, passed: Evaluation): Promise<void> | undefined {
    const fail = (error: unknown) => {
      throw failCall(deps, arrival.values, error);
    };
    try {
      return takeOwnLimits(deps.limiter, arrival, passed)?.catch(fail);
    } catch (error) {
      return fail(error);
    }
  }

  return {
    authorize(arrival: Arrival): Promise<void> | undefined {
      const { requestHeader } = arrival;
      const key = keyOf(requestHeader);
      const passed = kept.recall(key);
      const record = recordOf(arrival.values);
      if (!passed?.principal || record.console?.refusal) return authenticateAndKeep(arrival, key);
      record.method = arrival.name ?? name;
      record.arrival = arrival;
      record.passed = passed;
      record.bearer = {
        type: "principal",
        caller: { ...passed.principal, call: callOf(arrival), authority: noChange },
      };
      arrival.responseHeader.set("x-request-id", record.requestId);
      deps.usage.touch(usedOf(passed));
      return takeForCall(arrival, passed);
    },
  };
}

/** Returns the key of the evaluation of a call: everything in its headers that the evaluation depends on. */
export function evaluationKey(header: Pick<Headers, "get">): string {
  // A carriage return stands for a missing header, because no header contains one.
  return digest(`${header.get("authorization") ?? "\r"}\n${header.get(accountHeader) ?? "\r"}`);
}

/** The parts of a body: what its response depends on, and the client address if it is not among that. */
export interface Inputs {
  inputs: string | Uint8Array;
  clientAddress?: string | undefined;
}

/**
 * Keeps encoded responses, and sends one again if the same body comes from a caller that may see the same. `inputsOf` returns
 * everything in a body that a response depends on, or undefined if its response is not kept.
 */
export function keptResponses(
  deps: Omit<VerificationDeps, "boundsOf">,
  inputsOf: (form: string, body: Uint8Array) => Inputs | undefined = (_form, body) => ({ inputs: body }),
  additionOf: (taken: Taken) => Addition = () => undefined,
) {
  const kept = createResponseCache<KeptResponse>(deps.loader, deps.keptBytes);

  function send(
    known: KeptResponse,
    record: CallRecord,
    clientAddress = known.clientAddress,
    addition?: Addition,
  ): Recalled {
    deps.usage.count(known.used, "VALID", clientAddress);
    deps.onVerdict("VALID");
    record.parsed = true;
    record.code = "ok";
    return { payload: known.payload, addition };
  }

  // A call that a limit refuses has taken nothing. The operation refuses it again, with all that the response needs.
  const sendIfAllowed = (known: KeptResponse, record: CallRecord, parts: Inputs, taken: Taken) =>
    taken.allowed ? send(known, record, parts.clientAddress, additionOf(taken)) : undefined;

  return {
    recall(form: string, body: Uint8Array, values: ContextValues): MaybePromise<Recalled | undefined> {
      const record = recordOf(values);
      const parts = record.passed && inputsOf(form, body);
      if (!record.passed || !parts) return undefined;
      const known = kept.recall(keyOf(record.passed, form, parts.inputs));
      if (!known) return undefined;
      if (known.limits.length === 0 || record.takesNothing) return send(known, record, parts.clientAddress);
      const taken = deps.limiter.take(known.limits, known.cost);
      if (!(taken instanceof Promise)) return sendIfAllowed(known, record, parts, taken);
      return taken.then((one) => sendIfAllowed(known, record, parts, one));
    },
    keep(form: string, body: Uint8Array, values: ContextValues, payload: Payload): void {
      const { soleEvaluation, soleClientAddress, soleCost: cost, passed } = recordOf(values);
      const parts = soleEvaluation && inputsOf(form, body);
      if (!soleEvaluation || !passed || !parts) return;
      const { draws } = soleEvaluation;
      // Only a statement can tell what is left of credits.
      if (draws && draws.credits.length > 0) return;
      // Inputs without the address serve requests with any address. Inputs that may contain it serve the same address again.
      const clientAddress = parts.clientAddress === undefined ? soleClientAddress : undefined;
      const used = usedOf(soleEvaluation);
      const value = { payload, used, clientAddress, limits: draws?.limits ?? [], cost };
      kept.keep(keyOf(passed, form, parts.inputs), soleEvaluation, value, payload.length);
    },
  };
}

// The response depends on what the caller may see: the tokens of its own account, or of every account.
function keyOf({ principal }: Evaluation, form: string, inputs: string | Uint8Array): string {
  const everyAccount = principal?.platform && principal.keyId !== undefined;
  return `${form} ${everyAccount ? "*" : principal?.accountId} ${digest(inputs)}`;
}
