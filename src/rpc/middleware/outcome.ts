import { Code, type ConnectRouter } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { type CallRecord, recordOf } from "./context.ts";

/**
 * Notes how those calls ended that no interceptor saw: a body that was too large, or could not be parsed. The code is
 * read from the answer, wherever its protocol puts it. Goes around the handlers of a router that has all its services.
 */
export function noteOutcomes(router: ConnectRouter): void {
  for (const [index, handler] of router.handlers.entries()) {
    const noted = (request: UniversalServerRequest) => handle(handler, request);
    router.handlers[index] = Object.assign(noted, handler);
  }
}

/** `PermissionDenied` is `permission_denied` in every protocol. */
export function codeName(code: Code): string {
  return (Code[code] ?? "unknown").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

async function handle(
  handler: UniversalHandler,
  request: UniversalServerRequest,
): Promise<UniversalServerResponse> {
  const record = request.contextValues && recordOf(request.contextValues);
  if (record) record.method = `${handler.service.typeName}/${handler.method.name}`;
  const response = await handler(request);
  return record && response.body ? { ...response, body: follow(record, response, response.body) } : response;
}

async function* follow(
  record: CallRecord,
  response: UniversalServerResponse,
  body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  let last: Uint8Array = new Uint8Array();
  for await (const chunk of body) {
    last = chunk;
    yield chunk;
  }
  record.code ??= codeOf(response, last);
}

function codeOf({ trailer }: UniversalServerResponse, last: Uint8Array): string | undefined {
  const end = new TextDecoder().decode(last);
  // gRPC has its status in a trailer, gRPC-Web in a last frame of trailers, Connect an error for a body.
  const status = trailer?.get("grpc-status") ?? /grpc-status: ?(\d+)/.exec(end)?.[1];
  if (status !== undefined) return status === "0" ? "ok" : codeName(Number(status));
  return /^\{"code":"([a-z_]+)"/.exec(end)?.[1];
}
