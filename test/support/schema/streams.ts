import type { DescMethod } from "@bufbuild/protobuf";
import { services } from "../../../src/app/routes.ts";

/** Returns whether an RPC has one request and one response. */
export function isUnary({ methodKind }: DescMethod): boolean {
  return methodKind === "unary";
}

/** Every RPC of Latchkey that is a stream. */
export const streams: DescMethod[] = services
  .flatMap((service) => service.methods)
  .filter((method) => !isUnary(method));
