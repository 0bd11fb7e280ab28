import { expect } from "vitest";
import { test } from "../support/server/site-test.ts";

test("doctor ends with code 1 for wrong settings and for a server that is away", async ({ newSite }) => {
  const site = newSite();
  const wrong = await site.run(["doctor"], { LATCHKEY_WORKERS: "many" });
  expect(wrong).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/failed +settings +LATCHKEY_WORKERS: /),
  });
  const away = await site.run(["doctor", "--url", "http://127.0.0.1:1"]);
  expect(away).toMatchObject({ code: 1, stdout: expect.stringContaining("cannot be reached") });
});

test("try refuses a server that is not on this machine, and ends with code 3 if none runs", async ({
  newSite,
}) => {
  const site = newSite();
  const remote = await site.run(["try"], { LATCHKEY_URL: "https://keys.example.com" });
  expect(remote).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/not on this machine.*--url/),
  });
  const none = await site.run(["try", "--url", "http://127.0.0.1:1"]);
  expect(none).toMatchObject({ code: 3, stderr: expect.stringMatching(/^latchkey: cannot reach/) });
});
