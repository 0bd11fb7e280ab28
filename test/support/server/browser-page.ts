// The script of a customer's web page. It is bundled for the browser, where tests call `page`.
import type { DescService } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { ProfileService } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { bearer } from "../actors/bearer.ts";

/** The protocol and the server of a page. */
export interface Visit {
  baseUrl: string;
  protocol: "connect" | "grpcweb";
  useBinaryFormat: boolean;
  email: string;
  password: string;
  verifier: string;
}

/** Signs up, issues a key, calls `WhoAmI` (by GET if the protocol supports it), and verifies the key. */
async function issueAndVerify(visit: Visit) {
  const { email, password, verifier } = visit;
  const signUp = { email, password, name: "Me", accountName: "Acme" };
  const session = await client(SessionService, visit, "").signUp(signUp);
  const keys = client(ApiKeyService, visit, session.token);
  const { apiKey } = await keys.createApiKey({
    metadata: { name: "from a browser" },
    spec: { permissions: ["agents:read"] },
  });
  const token = apiKey?.spec?.token ?? "";
  const { principal } = await client(ProfileService, visit, token).whoAmI({});
  const { valid } = await client(TokenService, visit, verifier).verifyToken({ token });
  return { valid, keyId: apiKey?.metadata?.id, principalKeyId: principal?.keyId };
}

/** Calls `WhoAmI` with a wrong token, and returns what a page can read of the error. */
async function beRefused(visit: Visit, token: string) {
  try {
    await client(ProfileService, visit, token).whoAmI({});
    return undefined;
  } catch (reason) {
    const error = ConnectError.from(reason);
    const [info] = error.findDetails(ErrorInfoSchema);
    return {
      code: Code[error.code],
      message: error.rawMessage,
      reason: info?.reason,
      metadata: info?.metadata,
      challenge: error.metadata.get("www-authenticate"),
      requestId: error.metadata.get("x-request-id"),
    };
  }
}

function client<S extends DescService>(service: S, visit: Visit, token: string): Client<S> {
  const { baseUrl, protocol, useBinaryFormat } = visit;
  const options = { baseUrl, useBinaryFormat, interceptors: [bearer(token)] };
  return createClient(
    service,
    protocol === "connect"
      ? createConnectTransport({ ...options, useHttpGet: true })
      : createGrpcWebTransport(options),
  );
}

declare global {
  /** The variable exists in the browser after this script has run. */
  var page: { issueAndVerify: typeof issueAndVerify; beRefused: typeof beRefused };
}
globalThis.page = { issueAndVerify, beRefused };
