import { randomUUID } from "node:crypto";
import { type DescMethodUnary, fromJson, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { binaryOptions } from "../../../src/app/handlers.ts";
import type { FastPathMethod } from "../../../src/net/fast-path/codec.ts";
import { createFastPath } from "../../../src/net/fast-path/fast-path.ts";
import { withHttpJson } from "../../../src/net/http-json/http-json.ts";
import { defaultLimits } from "../../../src/net/limits.ts";
import { createFairTurns } from "../../../src/net/turns.ts";
import { fastPathMethod } from "../../../src/rpc/fast-path-method.ts";
import { jsonOptions } from "../../../src/rpc/json-options.ts";
import type { AuthDeps } from "../../../src/rpc/middleware/auth-interceptor.ts";
import { withRecord } from "../../../src/rpc/middleware/context.ts";
import { createBoundsOf } from "../../../src/rpc/middleware/message-bounds.ts";
import { validate } from "../cheap.ts";
import { openTestPort } from "../net/net.ts";
import { methods } from "../schema/requests.ts";
import { messages } from "./arbitrary.ts";

/**
 * Opens a port with every RPC of the schema over Connect and over plain HTTP, without a bearer and without a database. Each RPC
 * checks, parses and validates its request as the service does, records the message, and returns a fixed response.
 */
export async function openEchoPort() {
  const seen: { message: unknown; bugs: unknown[] } = { message: undefined, bugs: [] };
  const deps = {
    boundsOf: createBoundsOf(defaultLimits.maxMessageBytes),
    errors: {
      isUnavailable: () => false,
      isBusy: () => false,
      onBug: (bug: unknown) => void seen.bugs.push(bug),
    },
    onCanceled() {},
  } as unknown as AuthDeps & { boundsOf: ReturnType<typeof createBoundsOf> };

  function echo(method: DescMethodUnary): FastPathMethod {
    const response = responseOf(method);
    const run = fastPathMethod(deps, validate, method, (message) => {
      seen.message = toJson(method.input, message);
      return response as never;
    });
    return { ...run, authorize: () => undefined, recall: () => undefined, keep() {} };
  }

  const group = { methods: methods.map((one) => echo(one as DescMethodUnary)), turns: createFairTurns(0) };
  const record = () => ({ requestId: randomUUID(), clientAddress: "", addressKey: "" });
  const options = {
    maxTimeoutMs: 1_000,
    jsonOptions,
    binaryOptions,
    contextValues: () => withRecord({ ...record(), bearer: { type: "anonymous" } }),
    clientOf: () => "client",
    onBug: (bug: unknown) => void seen.bugs.push(bug),
    hasToken: () => false,
    isSecret: () => false,
    requestIdOf: () => "request-1",
    onRefusal() {},
  };
  const fast = createFastPath([group], options, (_request, response) => {
    response.statusCode = 404;
    response.end();
  });
  const port = await openTestPort(withHttpJson([group], options, fast));
  return { ...port, seen };
}

// The response has a value in every field, so that a wrong cut would show.
function responseOf(method: DescMethodUnary): Message {
  const [json] = fc.sample(
    messages(method.output, "usual").map((message) => toJson(method.output, message)),
    { numRuns: 1, seed: 11 },
  );
  return fromJson(method.output, (json ?? {}) as JsonValue);
}
