import type { DescMessage } from "@bufbuild/protobuf";
import { invalidFields } from "../../domain/kernel/error.ts";
import { fromDomain } from "./errors.ts";
import { longListInBinary } from "./long-list-binary.ts";
import { longListInJson } from "./long-list-json.ts";
import type { MessageBounds } from "./message-bounds.ts";
import { createScanBinary } from "./scan-binary.ts";
import { scanJson } from "./scan-json.ts";

/** Checks the bytes of a request message before they are parsed. Throws if they have more than any valid message. */
export type CheckBody = (bytes: Uint8Array, isJson: boolean) => void;

/** Creates the check for a message. The caller has compared the size. */
export function createCheckBody(schema: DescMessage, bounds: MessageBounds): CheckBody {
  const scanBinary = createScanBinary(schema, bounds);
  return (bytes, isJson) => {
    const excess = isJson ? scanJson(bytes, bounds) : scanBinary(bytes);
    if (excess === undefined) return;
    // The client learns which list is too long. If none is, it learns only what the whole body has too much of.
    const long = isJson ? longListInJson(bytes, schema, bounds.maxDepth) : longListInBinary(bytes, schema);
    const violation = long ?? { field: "", description: `${excess} for a ${schema.typeName}` };
    throw fromDomain(invalidFields([violation]));
  };
}
