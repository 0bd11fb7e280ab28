import { randomUUID } from "node:crypto";
import type { ContextValues } from "@connectrpc/connect";
import type { Log } from "../infra/log.ts";
import type { Metrics } from "../infra/metrics.ts";
import { addressKey } from "../net/address-key.ts";
import type { ClientAddress } from "../net/client-address.ts";
import type { HandlerOf, Request, Response } from "../net/request.ts";
import { type CallRecord, withRecord } from "../rpc/middleware/context.ts";

/** Observes each request from its first byte to its last, and then writes one log line and one measurement. */
export interface RequestLog {
  /** Wraps the handler of all requests. */
  observe<Q extends Request, S extends Response>(handler: HandlerOf<Q, S>): HandlerOf<Q, S>;
  /** Returns the context values of an observed request. */
  contextValues(request: Request): ContextValues;
  /** Returns the address by which the limits count the client of an observed request. */
  clientOf(request: Request): string;
}

// The property in which a request carries its record. A map of all requests was slower.
const recordKey = Symbol("record");
type Observed = Request & { [recordKey]?: CallRecord };

// A client may choose the id of its request, for example a UUID. A token is longer than this, so it cannot get into the log.
const harmlessId = /^[A-Za-z0-9-]{1,36}$/;

/** Creates the request log. */
export function createRequestLog(log: Log, metrics: Metrics, clientAddress: ClientAddress): RequestLog {
  function report(record: CallRecord, status: number, finished: boolean, milliseconds: number): void {
    const method = record.method ?? "unknown";
    const code = record.code ?? outcomeOf(record, status, finished);
    metrics.call(method, code, milliseconds / 1000);
    if (!log.isLevelEnabled("info")) return;
    const { requestId, clientAddress: address, reason } = record;
    log.info({ requestId, method, code, reason, status, milliseconds, address, ...identity(record) }, "call");
  }

  return {
    observe: (handler) => (request, response) => {
      const named = request.headers["x-request-id"];
      const requestId = typeof named === "string" && harmlessId.test(named) ? named : randomUUID();
      const address = clientAddress(request);
      const record: CallRecord = {
        requestId,
        clientAddress: address,
        addressKey: addressKey(address),
        bearer: { type: "anonymous" },
      };
      (request as Observed)[recordKey] = record;
      const start = performance.now();
      response.on("close", () => {
        const milliseconds = Math.round((performance.now() - start) * 100) / 100;
        // A stream of HTTP/2 that the client cancelled counts as finished, though nothing was sent.
        const finished = response.headersSent && response.writableFinished;
        report(record, response.statusCode, finished, milliseconds);
      });
      handler(request, response);
    },
    contextValues: (request) => withRecord(recordOfRequest(request)),
    clientOf: (request) => recordOfRequest(request).addressKey,
  };
}

function recordOfRequest(request: Request): CallRecord {
  const record = (request as Observed)[recordKey];
  if (!record) throw new Error("this request is not observed");
  return record;
}

// The outcome of a call that ended outside of its interceptors: a body that does not parse, a lost client, a stream.
function outcomeOf({ method, parsed }: CallRecord, status: number, finished: boolean): string {
  if (!finished) return "canceled";
  if (status === 500) return "internal";
  // gRPC responses have HTTP status 200 in all cases.
  if (method !== undefined && !parsed) return "invalid_argument";
  if (status === 200 || status === 204) return "ok";
  return status === 404 ? "unimplemented" : "invalid_argument";
}

function identity({ bearer, shown }: CallRecord): Record<string, string | undefined> {
  if (bearer.type === "user") return { userId: bearer.user.userId };
  const principal = bearer.type === "principal" ? bearer.caller : shown;
  if (!principal) return {};
  const { accountId, profile, keyId } = principal;
  return { accountId, profileId: profile.id, keyId };
}
