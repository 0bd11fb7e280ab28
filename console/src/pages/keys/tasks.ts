import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";

/** Something that the user wants to do with one key. Each has a dialog. */
export interface KeyTask {
  name: "details" | "edit" | "rotate" | "disable" | "enable" | "revoke";
  key: ApiKey;
}

/** What the user wants to do on the page of the keys. */
export type PageTask =
  | KeyTask
  | { name: "create" }
  | { name: "revoke-many"; mintedBy?: ApiKey }
  | { name: "why" };

/** A token that the server just minted, with its key. It stays in memory until the user has stored it. */
export interface Issued {
  key: ApiKey;
  token: string;
  /** The kind of call that minted the token. */
  by: "creation" | "rotation";
}
