import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Frame, Page } from "playwright-core";
import { expect } from "vitest";
import type { Theme } from "./console.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const themes: readonly Theme[] = ["light", "dark"];

/** What axe found wrong with a page. */
interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Fails if axe finds a serious or critical violation on the page or in one of its frames, in the light or in the dark theme. */
export async function expectAccessible(page: Page, frame: Frame = page.mainFrame()): Promise<void> {
  // The browser evaluates this outside the policy of the page.
  await frame.evaluate(axe);
  for (const colorScheme of themes) {
    await page.emulateMedia({ colorScheme });
    const found = (await frame.evaluate(
      "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
    )) as Violation[];
    const serious = found
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`,
      );
    expect(serious, `axe found these violations in the ${colorScheme} theme`).toEqual([]);
  }
}
