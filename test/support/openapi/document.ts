import { type Document, type Operation, verbs } from "../../../openapi/document.ts";
import { textOf } from "../imports.ts";

/** The document that the server serves. */
export const document = JSON.parse(textOf("gen/openapi.json")) as Document;

/** Every operation of the document. */
export const operations: { path: string; verb: string; operation: Operation }[] = Object.entries(
  document.paths,
).flatMap(([path, item]) =>
  verbs.flatMap((verb) => (item[verb] ? [{ path, verb, operation: item[verb] }] : [])),
);
