import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import type { WrongField } from "./error-body.ts";

const maxWrongFields = 32;
const maxNameLength = 40;

/** Returns the error of a request with wrong fields, as the fields of a body get it. Names at most 32 of them. */
export function wrongFields(fields: readonly WrongField[]): ConnectError {
  const fieldViolations = fields.slice(0, maxWrongFields);
  const message = fieldViolations.map(({ field, description }) => `${field}: ${description}`).join("; ");
  const error = new ConnectError(message, Code.InvalidArgument);
  error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [...fieldViolations] } });
  return error;
}

/** Returns a name that a client chose, for use in an error. A longer name is left out, because it may be a token. */
export function clientsName(name: string): string {
  return name.length <= maxNameLength ? name : "(a long name)";
}
