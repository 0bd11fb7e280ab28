import {
  Code,
  type ConnectError,
  type ContextValues,
  type Interceptor,
  type StreamRequest,
} from "@connectrpc/connect";
import type { Turn } from "../../db/turn-shares.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import type { Loader } from "../../verify/cache/loader.ts";
import type { Evaluation } from "../../verify/evaluate/evaluate.ts";
import { type AuthenticateDeps, authenticate } from "./authenticate.ts";
import { callerSignal, canceled, isCallerGone } from "./caller-signal.ts";
import { requireOwnPage } from "./console-call.ts";
import { type Arrival, callOf, recordOf } from "./context.ts";
import { codes, type ErrorPolicy, toConnectError } from "./errors.ts";
import { codeName } from "./outcome.ts";
import { createSecretSearch } from "./secret-response.ts";
import { turnOf } from "./turn.ts";
import type { Validate } from "./validate.ts";

/** What every call passes. */
export interface AuthDeps extends AuthenticateDeps {
  errors: ErrorPolicy;
  /** Called once for every call whose caller has gone. */
  onCanceled(error: unknown): void;
  loader: Pick<Loader, "stillHolds">;
  /** Runs the operation of a call, in its turns. Its statements are cancelled when the signal is aborted. */
  operate<T>(turn: Turn, signal: AbortSignal, operation: () => Promise<T>): Promise<T>;
}

/**
 * Creates the auth interceptor. It runs on the headers, before the body is read. It resolves the bearer and enforces the
 * access rule.
 */
export function createAuthInterceptor(deps: AuthDeps): (context: Arrival) => Promise<void> {
  const mayContainToken = createSecretSearch();
  return async (context) => {
    const record = recordOf(context.values);
    record.arrival = context;
    record.method = context.name ?? `${context.service.typeName}/${context.method.name}`;
    context.responseHeader.set("x-request-id", record.requestId);
    if (mayContainToken(context.method)) context.responseHeader.set("cache-control", "no-store");
    try {
      requireOwnPage(record);
      record.bearer = await authenticate(deps, context, callOf(context));
    } catch (error) {
      throw failCall(deps, context.values, error);
    }
  };
}

/**
 * Evaluates the bearer of a call again when the body is complete, and before each message of a stream, because a call acts
 * with the authority of that moment. Returns undefined if the cache still holds the entry that the bearer was evaluated
 * from. Fails with the error that the auth interceptor would return.
 */
export function recheck(deps: AuthDeps, values: ContextValues): Promise<void> | undefined {
  const { passed, arrival } = recordOf(values);
  if (!passed || !arrival) return undefined;
  if (passed.basis && deps.loader.stillHolds(passed.basis, passed.endsAt)) return undefined;
  return evaluateAgain(deps, arrival, passed);
}

async function evaluateAgain(deps: AuthDeps, arrival: Arrival, passed: Evaluation): Promise<void> {
  const record = recordOf(arrival.values);
  record.bearer = { type: "anonymous" };
  try {
    record.bearer = await authenticate(deps, arrival, callOf(arrival), passed);
  } catch (error) {
    throw failCall(deps, arrival.values, error);
  }
}

/** Creates the interceptor that validates requests by the rules of the schema, and translates errors for clients. */
export function createErrorInterceptor(deps: AuthDeps, validate: Validate): Interceptor {
  return (next) => (request) =>
    runCall(deps, request.contextValues, async () => {
      if (!request.stream) await recheck(deps, request.contextValues);
      if (!request.stream) validate(request.method.input, request.message);
      const response = await deps.operate(turnOf(request), callerSignal(request.signal), () => next(request));
      if (response.stream) return { ...response, message: follow(deps, request, response.message) };
      recordOf(request.contextValues).code = "ok";
      return response;
    });
}

/** Runs a call whose message was parsed, records refusals, and translates errors for clients. */
export async function runCall<T>(deps: AuthDeps, values: ContextValues, run: () => Promise<T>): Promise<T> {
  const record = recordOf(values);
  record.parsed = true;
  try {
    return await run();
  } catch (error) {
    const { bearer } = record;
    if (bearer.type === "principal" && error instanceof DomainError && isRefusal(error)) {
      deps.refusals.record(bearer.caller, bearer.caller.call, error.reason);
    }
    throw failCall(deps, values, error);
  }
}

// The outcome of a stream is known after its last message. If the transport cannot send a message, it throws into `yield`.
async function* follow<T>(
  deps: AuthDeps,
  { contextValues: values, signal }: Pick<StreamRequest, "contextValues" | "signal">,
  messages: AsyncIterable<T>,
) {
  const record = recordOf(values);
  record.code = "canceled";
  let sending = false;
  try {
    for await (const message of messages) {
      await recheck(deps, values);
      sending = true;
      yield message;
      sending = false;
    }
    record.code = "ok";
  } catch (error) {
    if (!sending && !isCallerGone(error, signal)) throw failCall(deps, values, error);
    deps.onCanceled(error);
    throw canceled();
  }
}

function isRefusal(error: DomainError): boolean {
  return codes[error.reason] === Code.PermissionDenied;
}

/** Records the outcome of a failed call. Returns the error that its client sees. */
export function failCall(deps: AuthDeps, values: ContextValues, error: unknown): ConnectError {
  const record = recordOf(values);
  const failure = toConnectError(error, deps.errors);
  if (failure.code === Code.Canceled) deps.onCanceled(error);
  record.code = codeName(failure.code);
  if (error instanceof DomainError) record.reason = error.reason;
  return failure;
}
