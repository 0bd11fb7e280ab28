import fc from "fast-check";
import { expect, test } from "vitest";
import { issueKey } from "../support/app.ts";
import { sendForm, sendFormOverHttp2 } from "../support/net/form.ts";
import { serve } from "../support/net/http.ts";
import { anyCharacter, runs } from "../support/random.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const expected = new Set([200, 204, 400, 401, 403, 405, 415, 429]);

test("no generated request has an internal error, and only right callers with right forms get an answer", async () => {
  const { url } = await serve(app);
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const weak = await issueKey(owner, { spec: { permissions: ["runs:start"] } });
  const value = fc.oneof(
    fc.constantFrom("token", "account_id", "client_secret", "x"),
    fc.string({ unit: anyCharacter, maxLength: 40 }),
  );
  const pair = fc.tuple(value, value).map((pairs) => new URLSearchParams([pairs]).toString());
  const junk = fc.string({ unit: "grapheme-ascii", maxLength: 60 });
  const request = fc.record({
    send: fc.constantFrom(sendForm, sendFormOverHttp2),
    path: fc.constantFrom("introspect", "introspect", "revoke", "introspect?token=a", "revoke?"),
    method: fc.constantFrom("POST", "POST", "POST", "POST", "GET", "DELETE", "OPTIONS"),
    form: fc.oneof(
      fc.array(fc.oneof(pair, junk), { maxLength: 4 }).map((parts) => parts.join("&")),
      junk,
    ),
    authorization: fc.oneof(
      fc.constant(`Bearer ${verifier.token}`),
      fc.constant(`Basic ${btoa(`a:${verifier.token}`)}`),
      fc.constant(`Bearer ${weak.token}`),
      fc.base64String({ maxLength: 80 }).map((text) => `Basic ${text}`),
      junk.map((text) => `Bearer ${text}`.trim()),
      junk.map((text) => `x${text}`.trim()),
    ),
    type: fc.constantFrom(
      "application/x-www-form-urlencoded",
      "application/x-www-form-urlencoded; charset=UTF-8",
      "application/json",
    ),
    more: fc.constantFrom<Record<string, string>>(
      {},
      { "latchkey-account": "acct_x" },
      { "x-api-key": verifier.token },
    ),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ send, path, method, form, authorization, type, more }) => {
      const headers = { "content-type": type, authorization, ...more };
      const answer = await send(`${url}/v1/oauth/${path}`, { method, form, headers });
      expect(expected).toContain(answer.status);
      if (answer.status >= 400 && answer.status !== 405) {
        expect(JSON.parse(answer.text)).toEqual({
          error: expect.stringMatching(/^[a-z_]+$/),
          error_description: expect.stringMatching(/^[ !#-[\]-~]+$/),
        });
      }
      if (answer.status === 200 && path === "introspect") {
        expect([authorization, more["x-api-key"]].join()).toMatch(new RegExp(`${verifier.token}|^Basic`));
        expect(answer.text).toBe('{"active":false}');
      }
    }),
    { numRuns: runs(60) },
  );
}, 120_000);
