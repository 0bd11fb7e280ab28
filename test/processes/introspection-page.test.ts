import { expect } from "vitest";
import { runPage } from "../support/server/run-page.ts";
import { test } from "../support/server/site-test.ts";

test("docs/introspection.md runs: each command in its order has the output of the page", async ({
  newSite,
}) => {
  const site = newSite();
  const { url } = await site.serve();
  const { stderr, written, printed } = await runPage(site, url, "docs/introspection.md");
  expect(stderr).toBe("");
  expect(printed).toEqual(written);
  expect(written.length).toBeGreaterThan(5);
});
