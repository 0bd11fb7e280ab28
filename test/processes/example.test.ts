import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { installExample, startExample } from "../support/guard/example.ts";
import { runPage } from "../support/server/run-page.ts";
import { scratchDirectory } from "../support/server/scratch.ts";
import { test } from "../support/server/site-test.ts";

const folder = scratchDirectory("example");
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

test("the example runs: each command of its README in its order has the output of the page", async ({
  newSite,
}) => {
  const site = newSite();
  const [{ url }] = await Promise.all([site.serve(), installExample(folder)]);
  const verifier = join(site.dataDir, "verifier-key");
  const api = startExample(folder, { LATCHKEY_URL: url, LATCHKEY_TOKEN_FILE: verifier });
  try {
    const apiUrl = await Promise.race([
      api.listening,
      api.ended.then(({ stderr }) => Promise.reject(new Error(stderr))),
    ]);
    const page = "examples/prompts-api/README.md";
    const { stderr, written, printed } = await runPage(site, url, page, {
      replaced: { "http://127.0.0.1:3000": apiUrl },
      examples: join(folder, "examples"),
    });
    expect(stderr).toBe("");
    // The third call of the limited key may be some seconds after the first.
    expect(printed.map((text) => text.replace(/^429 (2\d|30)$/m, "429 30"))).toEqual(written);
    expect(written.length).toBeGreaterThan(6);
    expect(await api.stop()).toMatchObject({ code: 0, stderr: "" });
  } finally {
    await api.stop("SIGKILL");
  }
});
