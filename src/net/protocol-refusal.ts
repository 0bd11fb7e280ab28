import { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { errorResponse, httpError } from "./http-json/error-body.ts";

/** Why no handler took a request: nothing has its path, or the handler of the path refuses its method or content type. */
export interface ProtocolRefusal {
  status: number;
  /** What the handler of the path accepts, if there is one. */
  allowedMethods?: readonly string[];
}

/** A request, as far as its refusal depends on it. */
export interface RefusedRequest {
  method: string;
  path: string;
  contentType: string;
  accept?: string | undefined;
  /** Whether the request has a header of the Connect protocol. */
  isConnect?: boolean;
  requestId?: string;
}

/** A complete response. */
export interface RefusalResponse {
  status: number;
  /** The code of the error, for the log. */
  code: string;
  headers: Record<string, string>;
  body: string;
}

const grpcRequest = /^application\/grpc(?!\w)/i;
const rpcType = /^application\/(?:grpc|connect|proto)(?!\w)/i;
const rpcPath = /^\/[\w.]+\.\w+\/\w+$/;

/**
 * Returns headers and a body that explain a refusal in one sentence, in the format of the request: `grpc-status` and
 * `grpc-message` for gRPC and gRPC-Web, an error of Connect for its requests and for paths of RPCs, and an error of HTTP/JSON
 * for all others. The sentence never repeats the path, because a token may be in it.
 */
export function explainRefusal(request: RefusedRequest, refusal: ProtocolRefusal): RefusalResponse {
  const { status, allowedMethods } = refusal;
  const code = status === 415 ? Code.InvalidArgument : Code.Unimplemented;
  const message = sentence(request, refusal);
  const allow: Record<string, string> =
    status === 405 && allowedMethods ? { allow: allowedMethods.join(", ") } : {};
  if (grpcRequest.test(request.contentType)) {
    const grpc = { "grpc-status": String(code), "grpc-message": encodeURIComponent(message) };
    const headers = { "content-type": grpcType(request.contentType), ...grpc, ...allow };
    // Clients of gRPC ignore the message if the HTTP status is not 200. The protocol requires 415 for a wrong content type.
    return { status: status === 415 ? status : 200, code: codeToString(code), headers, body: "" };
  }
  if (status === 404 && !isRpc(request)) {
    const { accept, requestId } = request;
    const error = httpError(404, "NOT_FOUND", "this server has no such path; /openapi.json lists its paths");
    return { ...errorResponse(error, { accept, requestId }), code: codeToString(code) };
  }
  const body = JSON.stringify({ code: codeToString(code), message });
  return {
    status,
    code: codeToString(code),
    headers: { "content-type": "application/json", ...allow },
    body,
  };
}

function isRpc({ path, contentType, isConnect }: RefusedRequest): boolean {
  return isConnect === true || rpcPath.test(path) || rpcType.test(contentType);
}

function sentence({ method, path, contentType }: RefusedRequest, refusal: ProtocolRefusal): string {
  const { status, allowedMethods = [] } = refusal;
  if (status === 405)
    return `this path accepts ${allowedMethods.join(" and ")}, but the request is not one of them`;
  if (status === 505) return "this RPC streams in both directions, so it needs HTTP/2";
  if (status === 415 && method === "GET") {
    return "a GET request needs the query parameters encoding=json and message, a JSON object in URL encoding";
  }
  if (status === 415) {
    const problem = contentType === "" ? "the content type is missing" : "the content type is not supported";
    return `${problem}; send the header "content-type: application/json" with a JSON body`;
  }
  return /^\/latchkey\.v1\.\w+\/\w+$/.test(path)
    ? "this server has no such RPC; check the spelling of the service and the method"
    : "this server has no such path; the path of an RPC is /latchkey.v1.<service>/<method>, such as /latchkey.v1.ProfileService/WhoAmI";
}

// A gRPC-Web client gets the same type back, so that it reads the headers as a response of its protocol.
function grpcType(contentType: string): string {
  const [, web] = /^application\/grpc(-web(?:-text)?)?/i.exec(contentType) ?? [];
  return `application/grpc${web?.toLowerCase() ?? ""}`;
}
