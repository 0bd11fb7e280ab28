import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import type { Schema } from "./document.ts";
import { commentOf } from "./options.ts";

const pathOfMask = "([a-zA-Z0-9]+(\\.[a-zA-Z0-9]+)*|\\*)";

/** The schemas of messages that have a JSON format of their own. */
export const wellKnown: Record<string, Schema> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$" },
  "google.protobuf.FieldMask": { type: "string", pattern: `^(${pathOfMask}(,${pathOfMask})*)?$` },
  "google.protobuf.Struct": { type: "object", additionalProperties: true },
  "google.protobuf.Empty": { type: "object" },
};

/** Returns the schema of an enum, whose values are names. */
export function ofEnum(from: DescEnum): Schema {
  const values = from.values.map((value) => `- \`${value.name}\`: ${commentOf(value)}`);
  return {
    type: "string",
    enum: from.values.map(({ name }) => name),
    description: [commentOf(from), values.join("\n")].join("\n\n"),
  };
}

/** Returns the schema of a scalar. */
export function ofScalar(scalar: ScalarType): Schema {
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: "integer", format: "int32" };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: "integer", minimum: 0, maximum: 4_294_967_295 };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: "number" };
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BYTES:
      return { type: "string", format: "byte" };
    default:
      // JSON has no integers of 64 bits.
      return { type: "string", pattern: "^-?[0-9]{1,20}$" };
  }
}
