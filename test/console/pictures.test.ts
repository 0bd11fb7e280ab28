// Makes the pictures of docs/console.md with UPDATE_PICTURES=1. Otherwise, checks that each page has its pictures.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { useApp } from "../support/app.ts";
import { type Theme, useConsole } from "../support/console/console.ts";
import { type ConsolePage, readPages } from "../support/console/pages.ts";
import { makeScene } from "../support/console/scene.ts";
import { root } from "../support/imports.ts";

const folder = join(root, "docs", "pictures");
const document = join(root, "docs", "console.md");
const update = process.env.UPDATE_PICTURES === "1";
const themes: readonly Theme[] = ["light", "dark"];
const widths = [390, 1280] as const;

// A page of one resource is reached from its list. Pages of the platform need a key of the platform.
const pictured = (await readPages()).filter(
  ({ path, audience }) => !path.includes(":") && audience !== "platform",
);
const fileOf = ({ path }: ConsolePage, theme: Theme, width: number) =>
  `${path.slice(1).replaceAll("/", "-")}-${theme}-${width}.png`;

/** The section of docs/console.md about the pages. */
function section(): string {
  const parts = pictured.map((page) => {
    const [light, dark] = themes.map(
      (theme) => `![${page.title}, ${theme}](pictures/${fileOf(page, theme, 1280)})`,
    );
    const phone = themes.map((theme) => `[${theme}](pictures/${fileOf(page, theme, 390)})`).join(", ");
    const head = `### ${page.title}\n\n\`/console${page.path}\` calls ${page.rpcs.map((rpc) => `\`${rpc}\``).join(", ")}.`;
    return `${head} On a phone: ${phone}.\n\n| light | dark |\n| --- | --- |\n| ${light} | ${dark} |\n`;
  });
  return `<!-- pages: written by test/console/pictures.test.ts -->\n\n${parts.join("\n")}\n<!-- end of the pages -->`;
}

const written = /<!-- pages:.*<!-- end of the pages -->/s;

describe.skipIf(update)("docs/console.md", () => {
  test("shows each page of the console in both themes and at both widths", () => {
    const text = readFileSync(document, "utf8");
    const help = "run `npm run pictures`, and look at the pictures";
    expect(written.exec(text)?.[0], help).toBe(section());
    const named = pictured.flatMap((page) =>
      themes.flatMap((theme) => widths.map((width) => fileOf(page, theme, width))),
    );
    expect(readdirSync(folder).sort(), help).toEqual(named.sort());
    for (const name of named) expect(statSync(join(folder, name)).size, name).toBeGreaterThan(5_000);
  });
});

describe.runIf(update)("the pictures", () => {
  const app = useApp();
  const tabs = useConsole(app);

  test("are made again", async () => {
    const owner = await makeScene(app);
    if (existsSync(folder)) rmSync(folder, { recursive: true });
    mkdirSync(folder);
    for (const theme of themes) {
      for (const width of widths) {
        for (const as of [undefined, owner]) {
          const pages = pictured.filter(({ audience }) => (audience === "public") === (as === undefined));
          const tab = await tabs.open(pages[0]?.path ?? "/", { theme, width, as });
          for (const page of pages) await shoot(tab, page, theme, width);
        }
      }
    }
    const text = readFileSync(document, "utf8");
    const rest = text.replace(written, "").trimEnd();
    writeFileSync(
      document,
      written.test(text) ? text.replace(written, section()) : `${rest}\n\n## Pages\n\n${section()}\n`,
    );
  });

  async function shoot(tab: Page, page: ConsolePage, theme: Theme, width: number): Promise<void> {
    await tab.goto(`${tabs.url}/console${page.path}`);
    await tab.getByRole("heading", { level: 1 }).first().waitFor();
    await expect
      .poll(() => tab.getByRole("status", { name: "Loading" }).count(), { timeout: 10_000 })
      .toBe(0);
    // The cursor of a field blinks.
    await tab.evaluate("document.activeElement.blur()");
    const overflow = await tab.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    expect(overflow, `${page.path} is wider than ${width} pixels`).toBeLessThanOrEqual(0);
    await tab.screenshot({ path: join(folder, fileOf(page, theme, width)) });
  }
});
