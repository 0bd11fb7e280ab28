import { create, type DescMethodUnary, type Message, type MessageShape } from "@bufbuild/protobuf";
import type { ConnectError, ContextValues } from "@connectrpc/connect";
import { changeableBy } from "./changeable.ts";
import { type AuthDeps, recheck, runCall } from "./middleware/auth-interceptor.ts";
import { createCheckBody } from "./middleware/check-body.ts";
import { recordOf } from "./middleware/context.ts";
import type { BoundsOf } from "./middleware/message-bounds.ts";
import { codeName } from "./middleware/outcome.ts";
import { parseError } from "./middleware/parse-errors.ts";
import type { Validate } from "./middleware/validate.ts";
import type { Operation, OperationContext } from "./operations.ts";

/** What every method of the fast path depends on. */
export interface FastPathDeps extends AuthDeps {
  boundsOf: BoundsOf;
}

/** What a method of the fast path receives about its call. */
export interface FastPathCall extends Pick<OperationContext, "values" | "timeoutMs"> {
  /** Returns a signal that is aborted when the deadline passes or the client disconnects. */
  signal(): AbortSignal;
}

type Answer<M extends DescMethodUnary> = ReturnType<Operation<M>>;

/** Returns the parts that all methods of the fast path share: what Connect and its interceptors do for other calls. */
export function fastPathMethod<M extends DescMethodUnary>(
  deps: FastPathDeps,
  validate: Validate,
  method: M,
  operation: (request: MessageShape<M["input"]>, call: FastPathCall) => Answer<M>,
) {
  const bounds = deps.boundsOf(method.input);
  return {
    method,
    maxBytes: bounds.maxBytes,
    check: createCheckBody(method.input, bounds),
    recheck: (values: ContextValues) => recheck(deps, values),
    invoke: (message: Message, call: FastPathCall): Promise<Message> =>
      runCall(deps, call.values, async () => {
        validate(method.input, message);
        const response = create(method.output, await operation(message as MessageShape<M["input"]>, call));
        recordOf(call.values).code = "ok";
        return response;
      }),
    failed(error: ConnectError, values: ContextValues): void {
      recordOf(values).code ??= codeName(error.code);
    },
    lasting: (response: Message): Message => response,
    changeable: changeableBy(method.input),
    parseError: (bytes: Uint8Array, isJson: boolean) => parseError(method.input, { bytes, isJson }),
  };
}
