import { describe, expect, test } from "vitest";
import { useApp } from "../support/app.ts";
import { sendForm, sendFormOverHttp2 } from "../support/net/form.ts";
import { serve } from "../support/net/http.ts";

const app = useApp();
const paths = ["/v1/oauth/introspect", "/v1/oauth/revoke"];

describe.each([
  ["HTTP/1.1", sendForm],
  ["HTTP/2", sendFormOverHttp2],
])("over %s", (_version, send) => {
  test.each(paths)("%s answers a wrong method with 405 and the methods that it accepts", async (path) => {
    const { url } = await serve(app);
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await send(`${url}${path}`, { method });
      expect(answer).toMatchObject({ status: 405, headers: { allow: "POST, OPTIONS" } });
      expect(answer.text).toBe("use one of these methods: POST, OPTIONS\n");
    }
    expect(await send(`${url}${path}`, { method: "HEAD" })).toMatchObject({ status: 405, text: "" });
    const options = await send(`${url}${path}`, { method: "OPTIONS" });
    expect(options).toMatchObject({ status: 204, headers: { allow: "POST, OPTIONS" }, text: "" });
  });

  test.each(paths)("%s accepts forms only, and parameters in the body only", async (path) => {
    const { url } = await serve(app);
    const json = { "content-type": "application/json" };
    const wrongType = await send(`${url}${path}`, { form: '{"token":"lk_x"}', headers: json });
    expect(wrongType).toMatchObject({ status: 415, headers: { "content-type": "application/json" } });
    expect(JSON.parse(wrongType.text)).toMatchObject({ error: "invalid_request" });
    const secret = "lk_live_inTheUrl";
    const before = app.logLines.length;
    const inUrl = await send(`${url}${path}?token=${secret}`, { form: { token: "lk_x" } });
    expect(inUrl.status).toBe(400);
    expect(JSON.parse(inUrl.text)).toEqual({
      error: "invalid_request",
      error_description: expect.stringContaining("in the body"),
    });
    await expect.poll(() => app.logLines.length).toBeGreaterThan(before);
    expect(inUrl.text + app.logLines.join("")).not.toContain(secret);
  });

  test("a path that only begins like an endpoint is no endpoint", async () => {
    const { url } = await serve(app);
    expect((await send(`${url}/v1/oauth/introspect/`, {})).status).toBe(404);
  });
});

test("the log and the metrics name the endpoint and the outcome", async () => {
  const { url } = await serve(app);
  await sendForm(`${url}/v1/oauth/revoke`, { method: "GET" });
  await sendForm(`${url}/v1/oauth/introspect`, { form: { token: "lk_x" }, token: app.platformToken });
  await sendForm(`${url}/v1/oauth/introspect`, { form: { token: "lk_x" } });
  const calls = () =>
    app.logLines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === "call");
  await expect
    .poll(calls)
    .toContainEqual(expect.objectContaining({ method: "revoke", code: "unimplemented" }));
  await expect
    .poll(calls)
    .toContainEqual(
      expect.objectContaining({ method: "introspect", code: "ok", keyId: expect.stringMatching(/^key_/) }),
    );
  await expect
    .poll(calls)
    .toContainEqual(
      expect.objectContaining({ method: "introspect", code: "unauthenticated", reason: "MISSING_API_KEY" }),
    );
  expect((await app.metrics.render()).body).toMatch(
    /latchkey_call_seconds_count\{method="introspect",code="ok"\} [1-9]/,
  );
});
