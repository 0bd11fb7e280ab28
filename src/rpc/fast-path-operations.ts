import type { DescMethod, DescMethodUnary } from "@bufbuild/protobuf";
import { type FastPathDeps, fastPathMethod } from "./fast-path-method.ts";
import { createAuthInterceptor } from "./middleware/auth-interceptor.ts";
import { callerSignal } from "./middleware/caller-signal.ts";
import { turnOf } from "./middleware/turn.ts";
import type { Validate } from "./middleware/validate.ts";
import type { Implemented, Operation } from "./operations.ts";

/**
 * Returns the unary methods of some services. Each call is authorized and runs its operation, as it does through Connect.
 * Nothing is kept of these calls.
 */
export function operationMethods(deps: FastPathDeps, validate: Validate, services: readonly Implemented[]) {
  const authorize = createAuthInterceptor(deps);
  return services.flatMap(({ service, operations }) =>
    service.methods.filter(isUnary).map((method) => {
      const operation = (operations as Record<string, Operation<DescMethodUnary>>)[method.localName];
      if (!operation) throw new Error(`${method.toString()} has no handler: its service file must have one`);
      return { ...operationMethod(deps, validate, method, operation), authorize };
    }),
  );
}

/** Returns whether a method returns a page of a list. A page may be long. Connect compresses it, and the fast path does not. */
export function isList({ output }: DescMethodUnary): boolean {
  return output.field.pagination !== undefined;
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function operationMethod(
  deps: FastPathDeps,
  validate: Validate,
  method: DescMethodUnary,
  operation: Operation<DescMethodUnary>,
) {
  const run = fastPathMethod(deps, validate, method, (message, call) => {
    const { values, timeoutMs } = call;
    const signal = callerSignal(call.signal());
    const turn = turnOf({ method, contextValues: values, message });
    return deps.operate(turn, signal, async () => operation(message, { values, timeoutMs, signal }));
  });
  return { ...run, recall: () => undefined, keep() {} };
}
