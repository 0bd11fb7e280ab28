import { expect, onTestFinished, test } from "vitest";
import { serve } from "../support/net/http.ts";
import { recordAnswers } from "../support/openapi/recorder.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("the answers of the server are compared with the document, in every test file", async () => {
  const { get } = await serve(app);
  // The setup of the test run has replaced `fetch` already. This recording is a second one, around it.
  expect(globalThis.fetch.name).not.toBe("fetch");
  const recording = recordAnswers();
  onTestFinished(recording.end);
  const { status } = await get("/v1/whoami", { token: app.platformToken });
  await get("/v1/account", { headers: { accept: "application/problem+json" } });
  expect([status, recording.problems]).toEqual([200, []]);
  expect([...recording.operations]).toEqual(["whoAmI", "getAccount"]);
});

test("a test fails at the request whose answer differs from the document", async () => {
  const headers = { "content-type": "application/json", "x-request-id": "1" };
  const list = { items: [], pagination: { nextCursor: "" } };
  const recording = recordAnswers(async (input) => {
    const body = String(input).endsWith("/accounts") ? list : { ...list, secret: 1 };
    return Response.json(body, { headers });
  });
  onTestFinished(recording.end);
  expect((await fetch("http://latchkey/v1/accounts")).status).toBe(200);
  const wrong = fetch("http://latchkey/v1/workspaces");
  await expect(wrong).rejects.toThrow(
    /differs from gen\/openapi\.json.*GET \/v1\/workspaces answered 200.*"secret"/,
  );
  expect(recording.problems).toHaveLength(1);
});
