import type { DescMethodUnary, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";

/** What an operation receives about its call. The fast path has no more than this. */
export type OperationContext = Pick<HandlerContext, "values" | "timeoutMs" | "signal">;

/** Computes the response to a valid request of a unary method. */
export type Operation<M extends DescMethodUnary> = (
  request: MessageShape<M["input"]>,
  context: OperationContext,
) => Promise<MessageInitShape<M["output"]>> | MessageInitShape<M["output"]>;

/** The implementation of a service. Both Connect and the fast path can call its unary methods. */
export type Operations<S extends DescService> = {
  [P in keyof S["method"]]: S["method"][P] extends DescMethodUnary
    ? Operation<S["method"][P]>
    : ServiceImpl<S>[P];
};

/** A service and its implementation. */
export interface Implemented<S extends DescService = DescService> {
  service: S;
  operations: Operations<S>;
}

/** Pairs a service with its implementation. */
export function implemented<S extends DescService>(service: S, operations: Operations<S>): Implemented<S> {
  return { service, operations };
}
