import { randomBytes } from "node:crypto";
import type { SharedApp } from "../app.ts";
import { password } from "../app.ts";
import { type RawAnswer, type RawRequest, sendRaw } from "../http-json/raw.ts";
import { serve } from "./http.ts";

/** The name of the cookie with the session of the console. */
export const cookieName = "__Host-latchkey-session";

/** The headers with which a page of this server calls. */
export const fromOwnPage = {
  "latchkey-console": "1",
  "sec-fetch-site": "same-origin",
  "content-type": "application/json",
};

/** The `Set-Cookie` that removes the session. */
export const removed = `${cookieName}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict`;

/** Returns the token that a response sets in the cookie, or undefined if it sets no session. */
export function tokenSetBy({ headers }: Pick<RawAnswer, "headers">): string | undefined {
  const [, token] = /^__Host-latchkey-session=([^;]+);/.exec(headers["set-cookie"] ?? "") ?? [];
  return token;
}

/** Returns the reason of an error, in the format of Connect or of plain HTTP, or the status of gRPC. */
export function reasonOf({ json, headers }: RawAnswer): string | undefined {
  const {
    details = [],
    error,
    code,
  } = (json ?? {}) as {
    details?: { debug?: { reason?: string } }[];
    error?: { code: string };
    code?: string;
  };
  return error?.code ?? details[0]?.debug?.reason ?? headers["grpc-status"] ?? code?.toUpperCase();
}

/** Serves the app for one browser whose cookie has the session of a new owner. */
export async function openBrowser(app: SharedApp, version: 1 | 2 = 1) {
  const { url } = await serve(app);
  const send = (request: RawRequest) => sendRaw(url, version, { method: "POST", body: "{}", ...request });
  const fields = {
    email: `${randomBytes(6).toString("hex")}@browser.example.com`,
    password,
    name: "A person",
    accountName: "Acme",
  };
  const path = "/latchkey.v1.SessionService/SignUp";
  const answer = await send({ path, headers: fromOwnPage, body: JSON.stringify(fields) });
  const token = tokenSetBy(answer);
  if (token === undefined) throw new Error(`SignUp set no cookie: ${answer.status}`);
  return { url, send, answer, token, cookie: `${cookieName}=${token}`, email: fields.email };
}
