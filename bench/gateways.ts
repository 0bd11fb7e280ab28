import { create, toBinary } from "@bufbuild/protobuf";
import { CheckRequestSchema } from "../gen/envoy/service/auth/v3/external_auth_pb.ts";
import { framed } from "./service.ts";

/** The path that nginx, Caddy and Traefik ask, with one requirement. */
export const forwardAuthPath = "/v1/forward_auth?permission=agents:read";
/** The path that Envoy asks. */
export const extAuthzPath = "/envoy.service.auth.v3.Authorization/Check";

// The headers of a browser's request when it reaches a gateway.
const browserHeaders = {
  accept: "application/json, text/plain, */*",
  "accept-encoding": "gzip, deflate, br",
  "accept-language": "en-GB,en;q=0.9",
  "user-agent":
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "x-forwarded-for": "203.0.113.7",
  "x-forwarded-proto": "https",
};

/** Returns the headers with which a gateway asks for a client. */
export function asForwarded(verifier: string, token: string): Record<string, string> {
  return { ...browserHeaders, "latchkey-verifier": verifier, authorization: `Bearer ${token}` };
}

/** Returns what Envoy asks for a client, with the prefix of gRPC. */
export function asEnvoy(token: string): Buffer {
  const headers = {
    ":authority": "api.example.com",
    ":method": "GET",
    ":path": "/agents",
    ":scheme": "https",
    ...browserHeaders,
    authorization: `Bearer ${token}`,
    "x-request-id": "0c7a1b52-6a6e-4c8e-9d8a-2f1d8a1f2b3c",
    "x-envoy-internal": "true",
  };
  const contextExtensions = { permission: "agents:read" };
  const message = { attributes: { request: { http: { headers } }, contextExtensions } };
  return framed(toBinary(CheckRequestSchema, create(CheckRequestSchema, message)));
}
