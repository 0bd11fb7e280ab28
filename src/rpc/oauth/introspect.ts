import { create } from "@bufbuild/protobuf";
import { Environment } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { Principal } from "../../../gen/latchkey/v1/principal_pb.ts";
import { PrincipalKind } from "../../../gen/latchkey/v1/principal_pb.ts";
import {
  type VerifyTokenRequest,
  VerifyTokenRequestSchema,
  type VerifyTokenResponse,
} from "../../../gen/latchkey/v1/token_service_pb.ts";

/** Returns the verification that a form of token introspection asks for (RFC 7662, section 2.1). */
export function verifyRequestOf(parameters: ReadonlyMap<string, string>): VerifyTokenRequest {
  return create(VerifyTokenRequestSchema, {
    token: parameters.get("token") ?? "",
    accountId: parameters.get("account_id") ?? "",
  });
}

/** The answer to an introspection (RFC 7662, section 2.2), with members of ours behind those of the standard. */
export type Introspection = { active: false } | ActiveToken;

/** What a caller learns of a token that is accepted. */
export interface ActiveToken {
  active: true;
  /** The permissions, separated by spaces. */
  scope: string;
  /** The key. For a session or a token of an external issuer, the user. */
  client_id: string;
  /** The e-mail address of a person. */
  username?: string;
  token_type: "Bearer";
  /** When the token ends, in seconds. Never later than it does. */
  exp?: number;
  /** The acting profile. */
  sub: string;
  account_id: string;
  key_id?: string;
  environment?: string;
  kind: string;
}

/** Returns the answer for a verdict. A token that is not accepted has no other member than `active`. */
export function introspectionOf({ valid, principal, endsAt }: VerifyTokenResponse): Introspection {
  if (!valid || !principal) return { active: false };
  const { permissions, keyId, userId, accountId, profile, kind, environment } = principal;
  const email = emailOf(principal);
  return {
    active: true,
    scope: permissions.join(" "),
    client_id: keyId || userId,
    ...(email !== "" && { username: email }),
    token_type: "Bearer",
    ...(endsAt && { exp: Number(endsAt.seconds) }),
    sub: profile?.metadata?.id ?? "",
    account_id: accountId,
    ...(keyId !== "" && { key_id: keyId }),
    ...(environments[environment] && { environment: environments[environment] }),
    kind: kinds[kind] ?? "",
  };
}

function emailOf({ profile }: Principal): string {
  return profile?.spec?.email ?? "";
}

const environments: Partial<Record<Environment, string>> = {
  [Environment.TEST]: "test",
  [Environment.LIVE]: "live",
};
const kinds: Partial<Record<PrincipalKind, string>> = {
  [PrincipalKind.USER]: "user",
  [PrincipalKind.APPLICATION_KEY]: "application",
  [PrincipalKind.SERVICE_KEY]: "service",
  [PrincipalKind.DEVELOPER_KEY]: "developer",
};
