import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Frame, Page } from "playwright-core";
import { expect } from "vitest";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe found wrong with a page. */
interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

// The themes differ only in their colours.
const themes = [
  ["light", {}],
  ["dark", { runOnly: ["color-contrast", "link-in-text-block"] }],
] as const;

/** Fails if axe finds a serious or critical violation on the page or in one of its frames, in the light or in the dark theme. */
export async function expectAccessible(page: Page, frame: Frame = page.mainFrame()): Promise<void> {
  // The browser evaluates this outside the policy of the page.
  if (await frame.evaluate("typeof axe === 'undefined'")) await frame.evaluate(axe);
  for (const [colorScheme, rules] of themes) {
    await page.emulateMedia({ colorScheme });
    const options = JSON.stringify({ resultTypes: ["violations"], ...rules });
    const found = (await frame.evaluate(
      `axe.run(document, ${options}).then(({ violations }) => violations)`,
    )) as Violation[];
    const serious = found
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`,
      );
    expect(serious, `axe found these violations in the ${colorScheme} theme`).toEqual([]);
  }
}
