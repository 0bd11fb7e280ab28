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
import { type AuthDeps, answer, createAuthInterceptor, recheck } from "./middleware/auth-interceptor.ts";
import { type Arrival, accountHeader, callOf, recordOf } from "./middleware/context.ts";
import { codeName } from "./middleware/outcome.ts";
import { parseError } from "./middleware/parse-errors.ts";
import type { Validate } from "./middleware/validate.ts";
import type { TokenDeps, verification } from "./token-service.ts";

/** What hot methods depend on. */
export interface FastPathDeps extends AuthDeps, Pick<TokenDeps, "onVerdict"> {
  loader: Loader;
  /** What the answers that are kept may take, in bytes. */
  keptBytes: number;
}

type Context = Pick<Arrival, "values">;
type Used = Pick<Evaluation, "tokenId" | "sessionId">;
type Payload = string | Uint8Array;

const passBytes = 1_024;
// What is kept for other calls holds no token, and so nothing that could be evaluated again.
const noChange: Authority<Principal> = {
  credentialId: "",
  kind: "application",
  evaluate: () => Promise.reject(new Error("a call of the fast path changes nothing")),
};

/** The methods that other services call on every request of theirs: same gate, rules, operations and errors as ever. */
export function fastPathMethods(
  deps: FastPathDeps,
  validate: Validate,
  { verifyToken, batchVerifyTokens }: ReturnType<typeof verification>,
) {
  const authenticateFully = createAuthInterceptor(deps);

  function hot<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    operation: (request: MessageShape<I>, context: Context) => Promise<MessageInitShape<O>>,
  ) {
    const name = `${method.parent.typeName}/${method.name}`;
    const passes = createResponseCache<Evaluation>(deps.loader, deps.keptBytes / 10);
    const answers = createResponseCache<{ payload: Payload; used: Used }>(deps.loader, deps.keptBytes);

    async function authorizeAndKeep(arrival: Arrival, key: string): Promise<void> {
      await authenticateFully(arrival);
      const { passed } = recordOf(arrival.values);
      if (passed) passes.keep(key, passed, passed, passBytes);
    }

    return {
      method,
      authorize(arrival: Arrival): Promise<void> | undefined {
        const { requestHeader } = arrival;
        const key = digest(`${requestHeader.get("authorization")}\n${requestHeader.get(accountHeader)}`);
        const passed = passes.recall(key);
        if (!passed?.principal) return authorizeAndKeep(arrival, key);
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
      recheck: (values: ContextValues) => recheck(deps, values),
      recall(form: string, body: Uint8Array, values: ContextValues): Payload | undefined {
        const record = recordOf(values);
        if (!record.passed) return undefined;
        const known = answers.recall(keyOf(record.passed, form, body));
        if (!known) return undefined;
        deps.lastUsed.record(known.used);
        deps.onVerdict("VALID");
        record.parsed = true;
        record.code = "ok";
        return known.payload;
      },
      invoke: (message: Message, { values }: Context) =>
        answer(deps, values, async () => {
          validate(method.input, message);
          const response = create(method.output, await operation(message as MessageShape<I>, { values }));
          recordOf(values).code = "ok";
          return response;
        }),
      keep(form: string, body: Uint8Array, values: ContextValues, payload: Payload): void {
        const { answered, passed } = recordOf(values);
        if (!answered || !passed) return;
        const { tokenId, sessionId } = answered;
        const value = { payload, used: { tokenId, sessionId } };
        answers.keep(keyOf(passed, form, body), answered, value, payload.length);
      },
      failed(error: ConnectError, values: ContextValues): void {
        recordOf(values).code ??= codeName(error.code);
      },
      parseError: (bytes: Uint8Array, isJson: boolean) => parseError(method.input, { bytes, isJson }),
    };
  }

  return [
    hot(TokenService.method.verifyToken, verifyToken),
    hot(TokenService.method.batchVerifyTokens, batchVerifyTokens),
  ];
}

// Who asks decides what they are told: of their own account's tokens, or of everybody's.
function keyOf({ principal }: Evaluation, form: string, body: Uint8Array): string {
  const everything = principal?.platform && principal.keyId !== undefined;
  return `${form} ${everything ? "*" : principal?.accountId} ${digest(body)}`;
}
