import { create } from "@bufbuild/protobuf";
import {
  type RevokeTokenRequest,
  RevokeTokenRequestSchema,
} from "../../../gen/latchkey/v1/token_service_pb.ts";

/** Returns the revocation that a form of token revocation asks for (RFC 7009, section 2.1). */
export function revokeRequestOf(parameters: ReadonlyMap<string, string>): RevokeTokenRequest {
  return create(RevokeTokenRequestSchema, { token: parameters.get("token") ?? "" });
}
