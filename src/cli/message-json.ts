import { createRegistry, type Message, toJson } from "@bufbuild/protobuf";
import { file_latchkey_v1_account_service } from "../../gen/latchkey/v1/account_service_pb.ts";
import { file_latchkey_v1_api_key_service } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { file_latchkey_v1_audit_service } from "../../gen/latchkey/v1/audit_service_pb.ts";
import { file_latchkey_v1_invite_service } from "../../gen/latchkey/v1/invite_service_pb.ts";
import { file_latchkey_v1_profile_service } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { file_latchkey_v1_role_service } from "../../gen/latchkey/v1/role_service_pb.ts";
import { file_latchkey_v1_service_account_service } from "../../gen/latchkey/v1/service_account_service_pb.ts";
import { file_latchkey_v1_session_service } from "../../gen/latchkey/v1/session_service_pb.ts";
import { file_latchkey_v1_team_service } from "../../gen/latchkey/v1/team_service_pb.ts";
import { file_latchkey_v1_token_service } from "../../gen/latchkey/v1/token_service_pb.ts";
import { file_latchkey_v1_usage_service } from "../../gen/latchkey/v1/usage_service_pb.ts";
import { file_latchkey_v1_workspace_admin_service } from "../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { file_latchkey_v1_workspace_service } from "../../gen/latchkey/v1/workspace_service_pb.ts";
import { jsonText } from "./text.ts";

const services = [
  file_latchkey_v1_account_service,
  file_latchkey_v1_api_key_service,
  file_latchkey_v1_audit_service,
  file_latchkey_v1_invite_service,
  file_latchkey_v1_profile_service,
  file_latchkey_v1_role_service,
  file_latchkey_v1_service_account_service,
  file_latchkey_v1_session_service,
  file_latchkey_v1_team_service,
  file_latchkey_v1_token_service,
  file_latchkey_v1_usage_service,
  file_latchkey_v1_workspace_admin_service,
  file_latchkey_v1_workspace_service,
];

/** Returns a message of the API as JSON, with its zero and empty fields, as the server writes it. */
export function jsonOf(message: Message): string {
  // The messages of services and everything that these contain.
  const files = [...services, ...services.flatMap(({ dependencies }) => dependencies)];
  const schema = createRegistry(...files).getMessage(message.$typeName);
  if (!schema) throw new Error(`${message.$typeName} is no message of the API`);
  return jsonText(toJson(schema, message, { alwaysEmitImplicit: true }), 2);
}
