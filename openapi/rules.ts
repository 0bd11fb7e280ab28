import type { Schema } from "./document.ts";
import type { Rules } from "./options.ts";

/**
 * Returns the field rules of protovalidate as JSON Schema. Rules without an equivalent become sentences of the
 * description.
 */
export function schemaOfRules(rules: Rules): { schema: Schema; sentences: string[] } {
  const sentences = (rules.cel ?? []).map(({ message }) => sentenceOf(message ?? ""));
  const schema: Schema = {};
  if (rules.ignore !== undefined && !rules.string) throw new Error("the generator ignores only empty text");
  if (rules.int32) Object.assign(schema, ofNumber(rules.int32));
  if (rules.string) {
    Object.assign(schema, ofString(rules.string, rules.ignore));
    if (rules.string.maxBytes) sentences.push(`At most ${number(rules.string.maxBytes)} bytes of UTF-8.`);
  }
  if (rules.enum?.in) throw new Error("the generator knows no list of allowed enum values");
  if (rules.repeated) {
    const { minItems, maxItems, unique, items } = rules.repeated;
    Object.assign(schema, numbers({ minItems, maxItems }), unique && { uniqueItems: true });
    if (items) {
      const one = schemaOfRules(items);
      schema.items = one.schema;
      sentences.push(...one.sentences.map((sentence) => `Each item: ${sentence}`));
    }
  }
  if (rules.map) {
    const { minPairs, maxPairs, keys = {}, values = {} } = rules.map;
    const [key, value] = [schemaOfRules(keys), schemaOfRules(values)];
    Object.assign(schema, numbers({ minProperties: minPairs, maxProperties: maxPairs }));
    if (Object.keys(key.schema).length > 0) schema.propertyNames = key.schema;
    if (Object.keys(value.schema).length > 0) schema.additionalProperties = value.schema;
    sentences.push(...key.sentences.map((sentence) => `Each key: ${sentence}`));
    sentences.push(...value.sentences.map((sentence) => `Each value: ${sentence}`));
  }
  if (rules.duration) sentences.push(...boundsOf(rules.duration));
  return { schema, sentences };
}

/** Returns whether the rules reject the zero value of a field, so that a request must set it. */
export function refusesZero({ required, ignore, int32, string, repeated, map }: Rules): boolean {
  if (required) return true;
  if (ignore !== undefined) return false;
  if (int32) {
    const { gt = -1, gte = 0, lt = 1, lte = 0 } = int32;
    return !(0 > gt && 0 >= gte && 0 < lt && 0 <= lte);
  }
  if (string) {
    const { minLen = "0", pattern, email, in: values } = string;
    const mismatch = pattern !== undefined && !new RegExp(pattern, "u").test("");
    return Number(minLen) > 0 || mismatch || email === true || (values !== undefined && !values.includes(""));
  }
  return Number(repeated?.minItems ?? 0) > 0 || Number(map?.minPairs ?? 0) > 0;
}

function ofNumber({ gt, gte, lt, lte }: NonNullable<Rules["int32"]>): Schema {
  return defined({ exclusiveMinimum: gt, minimum: gte, exclusiveMaximum: lt, maximum: lte });
}

function ofString(rule: NonNullable<Rules["string"]>, ignore: string | undefined): Schema {
  const { minLen, maxLen, maxBytes, pattern, in: values, email } = rule;
  // A text has at most as many characters as bytes.
  const maxLength = Math.min(...[maxLen, maxBytes].filter((one) => one !== undefined).map(Number));
  const most = Number.isFinite(maxLength) ? { maxLength } : {};
  const others: Schema = {
    ...numbers({ minLength: minLen }),
    ...defined({ pattern, enum: values }),
    ...(email && { format: "email" }),
  };
  if (ignore !== "IGNORE_IF_ZERO_VALUE" || !refusesZero({ string: rule })) return { ...others, ...most };
  if (values) return { ...others, ...most, enum: [...values, ""] };
  return { ...most, anyOf: [{ maxLength: 0 }, others] };
}

function boundsOf({ gt, gte, lt, lte }: NonNullable<Rules["duration"]>): string[] {
  return [
    ...(gt ? [`More than ${gt}.`] : []),
    ...(gte ? [`At least ${gte}.`] : []),
    ...(lt ? [`Less than ${lt}.`] : []),
    ...(lte ? [`At most ${lte}.`] : []),
  ];
}

function sentenceOf(message: string): string {
  const text = message.trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

const number = (text: string) => Number(text).toLocaleString("en-US");

function numbers<T extends string>(texts: Record<T, string | undefined>): Partial<Record<T, number>> {
  return defined(
    Object.fromEntries(
      Object.entries<string | undefined>(texts).map(([name, text]) => [name, text && Number(text)]),
    ),
  ) as Partial<Record<T, number>>;
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
