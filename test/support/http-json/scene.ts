import { issueKey, type SharedApp } from "../app.ts";
import { serve } from "../net/http.ts";
import { type RawAnswer, type RawRequest, sendRaw } from "./raw.ts";

/** The versions of HTTP. */
export const versions = [1, 2] as const;

/** The headers of a request with a body. */
export const inJson = { "content-type": "application/json" };

/** Serves the app, with an account that has a key. `send` sends requests of its owner. */
export async function openScene(app: SharedApp, version: 1 | 2 = 1) {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "a key" } });
  const { url, post } = await serve(app);
  const send = (request: RawRequest) => sendRaw(url, version, { token: owner.token, ...request });
  return { owner, key, path: `/v1/account/api_keys/${key.id}`, url, post, send };
}

/** The error in a response. */
export interface PlainError {
  code: string;
  message: string;
  details: { fields?: { field: string; description: string }[] };
}

/** Returns the error in a response. */
export function errorOf({ json }: Pick<RawAnswer, "json">): PlainError {
  return (json as { error: PlainError }).error;
}

/** Returns the names of the wrong fields in a response. */
export function wrongFieldsOf(answer: Pick<RawAnswer, "json">): string[] | undefined {
  return errorOf(answer).details.fields?.map(({ field }) => field);
}
