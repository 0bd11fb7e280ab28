import { type DescField, getOption, hasOption } from "@bufbuild/protobuf";
import {
  type FieldRules,
  field as fieldRules,
  type StringRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** Returns the rules of a field in the schema (protovalidate), if it has any. */
export function rulesOf(field: DescField): FieldRules | undefined {
  return hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
}

/** The maximum length of a string, in characters, in UTF-8 bytes, or both. 0 means no maximum. */
export interface MaxLength {
  characters: number;
  bytes: number;
}

/** Returns the maximum length of the strings that these rules are for, or undefined if they set none. */
export function maxLengthOf(rules: FieldRules | undefined): MaxLength | undefined {
  const strings = stringRulesOf(rules);
  const characters = Number(strings?.maxLen ?? 0);
  const bytes = Number(strings?.maxBytes ?? 0);
  return characters + bytes > 0 ? { characters, bytes } : undefined;
}

/** Returns the rules for strings among the rules of a field, of a list's items, or of a map's keys or values. */
export function stringRulesOf(rules: FieldRules | undefined): StringRules | undefined {
  return rules?.type.case === "string" ? rules.type.value : undefined;
}
