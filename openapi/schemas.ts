import { type DescField, type DescMessage, type DescMethod, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { Schema } from "./document.ts";
import { commentOf, type Options } from "./options.ts";
import { schemaOfRules } from "./rules.ts";
import { ofEnum, ofScalar, wellKnown } from "./types.ts";

/** Whether a message is part of a request or of a response. */
export type Direction = "request" | "response";

/** Turns messages into JSON Schema. Messages and enums of ours become shared components. */
export interface Schemas {
  /** The components so far, by name. */
  components: Record<string, Schema>;
  /** Returns the schema of a field, with its rules and its description. */
  ofField(field: DescField, direction: Direction): Schema;
  /** Returns a reference to the component of a message. */
  ofMessage(message: DescMessage, direction: Direction): Schema;
  /** Returns the schema of a request body: the fields of a message that no path or query contains. */
  ofBody(message: DescMessage, fields: readonly DescField[], name: string): Schema;
}

/**
 * Creates the schemas of the messages of these RPCs. A message that is part of requests and of responses has two components,
 * because a response always contains its scalar fields and its lists, and a request need not.
 */
export function createSchemas(options: Options, methods: readonly DescMethod[]): Schemas {
  const inBoth = namesInBoth(methods);
  const components: Record<string, Schema> = {};

  function component(name: string, make: () => Schema): Schema {
    if (!(name in components)) {
      // A message may contain itself.
      components[name] = {};
      components[name] = make();
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  function ofMessage(message: DescMessage, direction: Direction): Schema {
    const known = wellKnown[message.typeName];
    if (known) return known;
    if (message.typeName.startsWith("google.")) throw new Error(`no schema for ${message.typeName}`);
    const suffix = direction === "request" && inBoth.has(message.typeName) ? "Input" : "";
    return component(message.name + suffix, () => ({
      ...objectOf(message.fields, direction, ofField),
      ...described(commentOf(message)),
    }));
  }

  function ofType(field: DescField, direction: Direction): Schema {
    const one = (): Schema => {
      if (field.message) return ofMessage(field.message, direction);
      if (field.enum) {
        const from = field.enum;
        return component(from.name, () => ofEnum(from));
      }
      return ofScalar(field.scalar ?? ScalarType.STRING);
    };
    if (field.fieldKind === "list") return { type: "array", items: one() };
    if (field.fieldKind === "map") return { type: "object", additionalProperties: one() };
    return one();
  }

  function ofField(field: DescField, direction: Direction): Schema {
    // Only requests are checked. In a response, a limit would be a promise that no code keeps.
    const rules = direction === "request" ? options.rulesOf(field) : {};
    const { schema, sentences } = schemaOfRules(rules);
    const comment = commentOf(field);
    return {
      ...merged(ofType(field, direction), schema),
      ...described([comment, ...sentences].filter((text) => text !== "").join(" ")),
      ...(direction === "request" && isOutputOnly(field) && { readOnly: true }),
      ...(direction === "request" && options.isSecret(field) && !isOutputOnly(field) && { writeOnly: true }),
    };
  }

  return {
    components,
    ofField,
    ofMessage,
    ofBody: (message, fields, name) =>
      component(name, () => ({
        ...objectOf(fields, "request", ofField),
        description: commentOf(message) || `The body of \`${message.name.replace(/Request$/, "")}\`.`,
      })),
  };
}

function objectOf(fields: readonly DescField[], direction: Direction, ofField: Schemas["ofField"]): Schema {
  const required = fields.filter((field) => isRequired(field, direction));
  return {
    type: "object",
    ...(required.length > 0 && { required: required.map(({ jsonName }) => jsonName) }),
    properties: Object.fromEntries(fields.map((field) => [field.jsonName, ofField(field, direction)])),
    ...(direction === "request" && { additionalProperties: false }),
  };
}

/**
 * Returns whether a JSON object always has the field. In a request, the comment decides, because some required fields are
 * checked by an operation and not by a rule. In a response, everything that cannot be unset is present.
 */
export function isRequired(field: DescField, direction: Direction): boolean {
  if (direction === "request") return /^Required\./.test(commentOf(field));
  if (field.fieldKind === "list" || field.fieldKind === "map") return true;
  return !field.message && field.presence === FeatureSet_FieldPresence.IMPLICIT;
}

const isOutputOnly = (field: DescField) => /^Output only\./.test(commentOf(field));
const described = (description: string) => (description === "" ? {} : { description });

function merged(type: Schema, rules: Schema): Schema {
  const { items, additionalProperties, ...rest } = rules;
  return {
    ...type,
    ...rest,
    ...(items && { items: { ...type.items, ...items } }),
    ...(typeof additionalProperties === "object" && {
      additionalProperties: { ...(type.additionalProperties as Schema), ...additionalProperties },
    }),
  };
}

function namesInBoth(methods: readonly DescMethod[]): Set<string> {
  const inRequests = reachable(methods.map(({ input }) => input));
  const inResponses = reachable(methods.map(({ output }) => output));
  return new Set([...inRequests].filter((name) => inResponses.has(name)));
}

function reachable(messages: readonly DescMessage[], seen = new Set<string>()): Set<string> {
  for (const message of messages) {
    if (seen.has(message.typeName)) continue;
    seen.add(message.typeName);
    reachable(
      message.fields.flatMap((field) => (field.message ? [field.message] : [])),
      seen,
    );
  }
  return seen;
}
