import { type DescField, type DescMessage, type JsonObject, ScalarType, toBinary } from "@bufbuild/protobuf";
import type { MessageBounds } from "../src/rpc/middleware/message-bounds.ts";
import { largestJson, largestMessage } from "../test/support/schema/largest.ts";

/** A body that costs much. */
export interface Body {
  name: string;
  isJson: boolean;
  bytes: Buffer;
}

/** Returns the bodies that may cost most among those that the bounds of a method accept: valid ones, and invalid ones. */
export function expensiveBodies(schema: DescMessage, bounds: MessageBounds): Body[] {
  const { maxBytes, maxValues } = bounds;
  const json = (name: string, text: string): Body => ({
    name,
    isJson: true,
    bytes: Buffer.from(text.length < maxBytes ? text.padEnd(maxBytes) : text.slice(0, maxBytes)),
  });
  const binary = (name: string, bytes: Uint8Array): Body => ({
    name,
    isJson: false,
    bytes: Buffer.from(bytes),
  });
  const unknown = Buffer.from("\x78\x01".repeat(Math.min(maxValues, maxBytes / 2)), "latin1");
  const pairs = Array.from(
    { length: Math.min(maxValues, bounds.maxKeys) - 2 },
    (_, n) => `"${n.toString(36)}":0`,
  );
  return [
    json("the largest valid request", JSON.stringify(shortened(schema, maxBytes))),
    binary(
      "the largest valid request in binary",
      toBinary(schema, largestMessage(schema)).subarray(0, maxBytes),
    ),
    json("unknown fields", `{${pairs.join(",")}}`),
    json("numbers in a list", `[${"1,".repeat(maxValues - 4)}1]`),
    json("nested lists", "[".repeat(bounds.maxDepth)),
    binary("unknown numbers in binary", unknown),
    binary(
      "one unknown string in binary",
      Buffer.concat([Buffer.from([0x7a]), varint(maxBytes - 5), Buffer.alloc(maxBytes - 5)]),
    ),
    ...schema.fields.flatMap((field) => bodiesOf(field, bounds).map(([name, text]) => json(name, text))),
  ];
}

function bodiesOf(
  field: DescField,
  { maxStringBytes, maxValues }: MessageBounds,
): [name: string, text: string][] {
  const { jsonName } = field;
  const room = Math.floor(maxStringBytes / 2);
  if (field.fieldKind === "scalar" && field.scalar === ScalarType.STRING) {
    const texts = ["a".repeat(2 * room), `a@${"a.".repeat(room - 1)}`, "é".repeat(room), "a,".repeat(room)];
    return texts.map((text) => [
      `a long ${jsonName}: ${text.slice(0, 4)}…`,
      JSON.stringify({ [jsonName]: text }),
    ]);
  }
  if (field.message?.typeName === "google.protobuf.FieldMask") {
    return [["a mask of many paths", JSON.stringify({ [jsonName]: "a,".repeat(room) })]];
  }
  if (field.fieldKind === "list" && field.message) {
    const items = (item: object, count: number) => JSON.stringify({ [jsonName]: Array(count).fill(item) });
    const wrong = { token: "x", requiredEntitlements: Array(64).fill("WRONG") };
    const full = { token: "x", requiredEntitlements: Array(64).fill("a".repeat(63)) };
    return [
      [`empty ${jsonName}`, items({}, maxValues - 40)],
      [`100 ${jsonName} with wrong lists`, items(wrong, 100)],
      [
        `100 ${jsonName} with lists of wrong types`,
        items({ token: "x", requiredEntitlements: Array(64).fill(1) }, 100),
      ],
      [`100 ${jsonName} with full lists`, items(full, 100)],
    ];
  }
  if (field.fieldKind !== "list" && field.message) {
    return field.message.fields
      .filter((one) => one.fieldKind === "list" && one.scalar === ScalarType.STRING)
      .flatMap((one): [string, string][] => [
        [
          `1,024 wrong ${one.jsonName}`,
          JSON.stringify({ [jsonName]: { [one.jsonName]: Array(1024).fill("") } }),
        ],
        [
          `1,024 ${one.jsonName} of a wrong type`,
          JSON.stringify({ [jsonName]: { [one.jsonName]: Array(1024).fill(1) } }),
        ],
      ]);
  }
  return [];
}

// A batch of the largest requests is larger than any body may be, so it gets fewer of them.
function shortened(schema: DescMessage, maxBytes: number): JsonObject {
  const json = largestJson(schema);
  for (const [name, value] of Object.entries(json)) {
    if (!Array.isArray(value)) continue;
    while (JSON.stringify(json).length > maxBytes) value.length = Math.floor(value.length * 0.9);
    json[name] = value;
  }
  return json;
}

function varint(value: number): Buffer {
  return Buffer.from([
    (value & 0x7f) | 0x80,
    ((value >> 7) & 0x7f) | 0x80,
    ((value >> 14) & 0x7f) | 0x80,
    value >> 21,
  ]);
}
