import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { ConnectError, ContextValues } from "@connectrpc/connect";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import type { Authority } from "../domain/access/authority.ts";
import type { Principal } from "../domain/access/principal.ts";
import type { Loader } from "../verify/cache/loader.ts";
import { createResponseCache, digest } from "../verify/cache/response-cache.ts";
import type { Evaluation } from "../verify/evaluate/evaluate.ts";
import { type AuthDeps, createAuthInterceptor, recheck, runCall } from "./middleware/auth-interceptor.ts";
import { createCheckBody } from "./middleware/check-body.ts";
import { type Arrival, accountHeader, callOf, recordOf } from "./middleware/context.ts";
import type { BoundsOf } from "./middleware/message-bounds.ts";
import { codeName } from "./middleware/outcome.ts";
import { parseError } from "./middleware/parse-errors.ts";
import type { Validate } from "./middleware/validate.ts";
import type { TokenDeps, verification } from "./token-service.ts";

/** What the methods of the fast path depend on. */
export interface FastPathDeps extends AuthDeps, Pick<TokenDeps, "onVerdict"> {
  boundsOf: BoundsOf;
  loader: Loader;
  /** The memory that kept responses may take, in bytes. */
  keptBytes: number;
}

type Context = Pick<Arrival, "values">;
type Used = Pick<Evaluation, "tokenId" | "sessionId">;
type Payload = string | Uint8Array;

const evaluationBytes = 1_024;
// Kept evaluations may take a tenth of the memory that kept responses may take.
const evaluationShare = 1 / 10;
// A kept evaluation has no token, so it cannot be evaluated again. Methods of the fast path change nothing and never do that.
const noChange: Authority<Principal> = {
  credentialId: "",
  kind: "application",
  evaluate: () => Promise.reject(new Error("a call of the fast path changes nothing")),
};

/**
 * Returns the methods that other services call for each of their own requests. The fast path serves them with the same
 * authentication, validation, operations and errors as Connect does.
 */
export function fastPathMethods(
  deps: FastPathDeps,
  validate: Validate,
  { verifyToken, batchVerifyTokens }: ReturnType<typeof verification>,
) {
  const { method } = TokenService;
  return [
    fastPathMethod(deps, validate, method.verifyToken, verifyToken),
    fastPathMethod(deps, validate, method.batchVerifyTokens, batchVerifyTokens),
  ];
}

function fastPathMethod<I extends DescMessage, O extends DescMessage>(
  deps: FastPathDeps,
  validate: Validate,
  method: DescMethodUnary<I, O>,
  operation: (request: MessageShape<I>, context: Context) => Promise<MessageInitShape<O>>,
) {
  const bounds = deps.boundsOf(method.input);
  return {
    method,
    maxBytes: bounds.maxBytes,
    check: createCheckBody(method.input, bounds),
    ...keptEvaluations(deps, `${method.parent.typeName}/${method.name}`),
    ...keptResponses(deps),
    recheck: (values: ContextValues) => recheck(deps, values),
    invoke: (message: Message, { values }: Context) =>
      runCall(deps, values, async () => {
        validate(method.input, message);
        const response = create(method.output, await operation(message as MessageShape<I>, { values }));
        recordOf(values).code = "ok";
        return response;
      }),
    failed(error: ConnectError, values: ContextValues): void {
      recordOf(values).code ??= codeName(error.code);
    },
    parseError: (bytes: Uint8Array, isJson: boolean) => parseError(method.input, { bytes, isJson }),
  };
}

// Authorizes a call by the kept evaluation of its bearer, or in full if there is none that still holds.
function keptEvaluations(deps: FastPathDeps, name: string) {
  const authenticate = createAuthInterceptor(deps);
  const kept = createResponseCache<Evaluation>(deps.loader, deps.keptBytes * evaluationShare);

  async function authenticateAndKeep(arrival: Arrival, key: string): Promise<void> {
    await authenticate(arrival);
    const { passed } = recordOf(arrival.values);
    if (passed) kept.keep(key, passed, passed, evaluationBytes);
  }

  return {
    authorize(arrival: Arrival): Promise<void> | undefined {
      const { requestHeader } = arrival;
      const key = digest(`${requestHeader.get("authorization")}\n${requestHeader.get(accountHeader)}`);
      const passed = kept.recall(key);
      if (!passed?.principal) return authenticateAndKeep(arrival, key);
      const record = recordOf(arrival.values);
      record.method = name;
      record.arrival = arrival;
      record.passed = passed;
      record.bearer = {
        type: "principal",
        caller: { ...passed.principal, call: callOf(arrival), authority: noChange },
      };
      arrival.responseHeader.set("x-request-id", record.requestId);
      deps.lastUsed.record(passed);
      return undefined;
    },
  };
}

// Keeps encoded responses, and sends one again if the same body comes from a caller that may see the same.
function keptResponses(deps: FastPathDeps) {
  const kept = createResponseCache<{ payload: Payload; used: Used }>(deps.loader, deps.keptBytes);
  return {
    recall(form: string, body: Uint8Array, values: ContextValues): Payload | undefined {
      const record = recordOf(values);
      if (!record.passed) return undefined;
      const known = kept.recall(keyOf(record.passed, form, body));
      if (!known) return undefined;
      deps.lastUsed.record(known.used);
      deps.onVerdict("VALID");
      record.parsed = true;
      record.code = "ok";
      return known.payload;
    },
    keep(form: string, body: Uint8Array, values: ContextValues, payload: Payload): void {
      const { soleEvaluation, passed } = recordOf(values);
      if (!soleEvaluation || !passed) return;
      const { tokenId, sessionId } = soleEvaluation;
      const value = { payload, used: { tokenId, sessionId } };
      kept.keep(keyOf(passed, form, body), soleEvaluation, value, payload.length);
    },
  };
}

// The response depends on what the caller may see: the tokens of its own account, or of every account.
function keyOf({ principal }: Evaluation, form: string, body: Uint8Array): string {
  const everyAccount = principal?.platform && principal.keyId !== undefined;
  return `${form} ${everyAccount ? "*" : principal?.accountId} ${digest(body)}`;
}
