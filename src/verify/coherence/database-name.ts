import { hash } from "node:crypto";

const nameLength = 16;

/** Returns an opaque name of a database server, by the time at which it started. An unknown server has none. */
export function databaseName(server: string | undefined): string {
  return server === undefined ? "" : hash("sha256", server, "hex").slice(0, nameLength);
}
