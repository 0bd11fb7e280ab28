import { issueKey, type TestApp } from "../app.ts";
import { cookieName, openBrowser } from "./console.ts";

/** A browser with a session, and the credentials of another user. */
export async function openScene(app: TestApp, version: 1 | 2) {
  const other = await app.newAccount();
  const { token: otherKey } = await issueKey(other, { spec: { permissions: ["*"] } });
  return { ...(await openBrowser(app, version)), other, otherKey };
}
export type Scene = Awaited<ReturnType<typeof openScene>>;

/** Headers that a case changes. An undefined one is not sent. */
type Headers = Record<string, string | undefined>;
/** A call with changes to the headers of a page of this server, and its outcome. */
export interface Case {
  name: string;
  headers?: Headers | ((scene: Scene) => Headers);
  /** What the response is: the key of the session's user, the key of the other user, or the reason of an error. */
  outcome: string;
  onPlainHttp?: string;
}

const foreign = "http://127.0.0.1:1";
/** Each case of the cookie, the bearer and the headers of browsers. */
export const cases: Case[] = [
  { name: "a page of this server acts as the user of the cookie", outcome: "own" },
  {
    name: "an equal Origin counts if the browser sends no Sec-Fetch-Site",
    headers: ({ url }) => ({ "sec-fetch-site": undefined, origin: url }),
    outcome: "own",
  },
  { name: "an equal Origin may also be present", headers: ({ url }) => ({ origin: url }), outcome: "own" },
  {
    name: "without the console's header, the cookie is ignored",
    headers: { "latchkey-console": undefined },
    outcome: "MISSING_API_KEY",
  },
  {
    name: "another value of the console's header is refused",
    headers: { "latchkey-console": "2" },
    outcome: "INVALID_ARGUMENT",
  },
  ...["same-site", "cross-site", "none", "", "same-origin, same-origin", "Same-Origin"].map((site) => ({
    name: `Sec-Fetch-Site: ${site} is refused`,
    headers: { "sec-fetch-site": site },
    outcome: "FOREIGN_ORIGIN",
  })),
  ...["null", foreign, "", "https://evil.example"].flatMap((origin) => [
    {
      name: `the Origin ${origin} is refused`,
      headers: { "sec-fetch-site": undefined, origin },
      outcome: "FOREIGN_ORIGIN",
    },
    {
      name: `the Origin ${origin} is refused although Sec-Fetch-Site is right`,
      headers: { origin },
      outcome: "FOREIGN_ORIGIN",
    },
  ]),
  {
    name: "a right Origin is refused if Sec-Fetch-Site is wrong",
    headers: ({ url }) => ({ "sec-fetch-site": "same-site", origin: url }),
    outcome: "FOREIGN_ORIGIN",
  },
  {
    name: "a request that does not say where it comes from is refused",
    headers: { "sec-fetch-site": undefined },
    outcome: "FOREIGN_ORIGIN",
  },
  {
    name: "without a cookie, there is no bearer",
    headers: { cookie: undefined },
    outcome: "MISSING_API_KEY",
  },
  {
    name: "other cookies before and after do not matter",
    headers: ({ cookie }) => ({ cookie: `a=b; ${cookie}; ${cookieName}x=y` }),
    outcome: "own",
  },
  {
    name: "two session cookies count as none",
    headers: ({ cookie }) => ({ cookie: `${cookie}; ${cookieName}=x` }),
    outcome: "MISSING_API_KEY",
  },
  {
    name: "the same session cookie twice counts as none",
    headers: ({ cookie }) => ({ cookie: `${cookie}; ${cookie}` }),
    outcome: "MISSING_API_KEY",
  },
  ...["__host-latchkey-session", "__Secure-latchkey-session", "\u00a0__Host-latchkey-session"].map(
    (name) => ({
      name: `a cookie with the name ${JSON.stringify(name)} is ignored`,
      headers: ({ token }: Scene) => ({ cookie: `${name}=${token}` }),
      outcome: "MISSING_API_KEY",
    }),
  ),
  {
    name: "a quoted value is no session",
    headers: ({ token }) => ({ cookie: `${cookieName}="${token}"` }),
    outcome: "MISSING_API_KEY",
  },
  {
    name: "the token of a key in the cookie is no session",
    headers: ({ otherKey }) => ({ cookie: `${cookieName}=${otherKey}` }),
    outcome: "MISSING_API_KEY",
  },
  {
    name: "with a bearer, the cookie is ignored",
    headers: ({ other }) => ({ authorization: `Bearer ${other.token}` }),
    outcome: "other",
  },
  {
    name: "with a wrong bearer, the cookie is ignored and stays",
    headers: { authorization: "Bearer lk_live_garbage" },
    outcome: "INVALID_API_KEY",
  },
  {
    name: "with an empty Authorization, the cookie is ignored",
    headers: { authorization: "" },
    outcome: "INVALID_API_KEY",
  },
  {
    name: "with X-Api-Key, the cookie is ignored",
    headers: ({ otherKey }) => ({ "x-api-key": otherKey }),
    outcome: "MISSING_API_KEY",
    onPlainHttp: "other",
  },
  {
    name: "with the header of a gateway, the cookie is ignored",
    headers: { "latchkey-verifier": "x" },
    outcome: "MISSING_API_KEY",
  },
  {
    name: "a bearer from a foreign page with the console's header is refused too",
    headers: ({ other }) => ({ authorization: `Bearer ${other.token}`, "sec-fetch-site": "cross-site" }),
    outcome: "FOREIGN_ORIGIN",
  },
  ...["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"].map((type) => ({
    name: `a body of the type ${type} is refused`,
    headers: { "content-type": type },
    outcome: "INVALID_ARGUMENT",
  })),
];
