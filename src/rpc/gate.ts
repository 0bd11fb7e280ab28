import { Code, type ContextValues, type Interceptor } from "@connectrpc/connect";
import { DomainError } from "../domain/error.ts";
import { type AuthenticateDeps, authenticate } from "./authenticate.ts";
import { callerSignal } from "./caller-signal.ts";
import { type Arrival, callOf, recordOf } from "./context.ts";
import { codes, type ErrorPolicy, toConnectError } from "./errors.ts";
import { codeName } from "./outcome.ts";
import type { Validate } from "./validate.ts";

/** What every call passes. */
export interface GateDeps extends AuthenticateDeps {
  errors: ErrorPolicy;
  /** Runs the operation of a call. What it asks of the database is cancelled when the signal is aborted. */
  operate<T>(signal: AbortSignal, operation: () => Promise<T>): Promise<T>;
}

/** The gate: runs on the headers, before the body is read. Resolves the bearer, holds it against the access rule. */
export function createGate(deps: GateDeps): (context: Arrival) => Promise<void> {
  return async (context) => {
    const record = recordOf(context.values);
    record.method = `${context.service.typeName}/${context.method.name}`;
    context.responseHeader.set("x-request-id", record.requestId);
    try {
      record.bearer = await authenticate(deps, context, callOf(context));
    } catch (error) {
      throw fail(deps, context.values, error);
    }
  };
}

/** Checks requests by the rules of the schema, and turns what is thrown into what clients see. */
export function createErrorInterceptor(deps: GateDeps, validate: Validate): Interceptor {
  return (next) => (request) =>
    answer(deps, request.contextValues, async () => {
      if (!request.stream) validate(request.method.input, request.message);
      const response = await deps.operate(callerSignal(request.signal), () => next(request));
      if (response.stream)
        return { ...response, message: follow(deps, request.contextValues, response.message) };
      recordOf(request.contextValues).code = "ok";
      return response;
    });
}

/** Answers a call whose message was parsed, and turns what is thrown into what clients see. */
export async function answer<T>(deps: GateDeps, values: ContextValues, run: () => Promise<T>): Promise<T> {
  const record = recordOf(values);
  record.parsed = true;
  try {
    return await run();
  } catch (error) {
    const { bearer } = record;
    if (bearer.type === "principal" && error instanceof DomainError && isRefusal(error)) {
      deps.refusals.record(bearer.caller, bearer.caller.call, error.reason);
    }
    throw fail(deps, values, error);
  }
}

// A stream has ended with its last message, and not when it was begun.
async function* follow<T>(deps: GateDeps, values: ContextValues, messages: AsyncIterable<T>) {
  const record = recordOf(values);
  record.code = "canceled";
  try {
    yield* messages;
    record.code = "ok";
  } catch (error) {
    throw fail(deps, values, error);
  }
}

function isRefusal(error: DomainError): boolean {
  return codes[error.reason] === Code.PermissionDenied;
}

function fail(deps: GateDeps, values: ContextValues, error: unknown) {
  const record = recordOf(values);
  const failure = toConnectError(error, deps.errors);
  record.code = codeName(failure.code);
  if (error instanceof DomainError) record.reason = error.reason;
  return failure;
}
