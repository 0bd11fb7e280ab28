// Makes the pictures of docs/console.md with UPDATE_PICTURES=1. Otherwise, checks that each page has its pictures.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, describe, expect, test } from "vitest";
import { newActing } from "../support/actors/acting.ts";
import { keysPermissions } from "../support/actors/embed.ts";
import { useApp } from "../support/app.ts";
import { type Theme, useConsole } from "../support/console/console.ts";
import { type EmptyList, emptyLists, makeEmptyScene, untilEmpty } from "../support/console/empty.ts";
import { type ConsolePage, readPages } from "../support/console/pages.ts";
import { openProduct, readExample } from "../support/console/product.ts";
import { makeScene, type Scene } from "../support/console/scene.ts";
import { root } from "../support/imports.ts";

const folder = join(root, "docs", "pictures");
const document = join(root, "docs", "console.md");
const update = process.env.UPDATE_PICTURES === "1";
const themes: readonly Theme[] = ["light", "dark"];
const widths = [390, 1280] as const;

const pages = await readPages();
const rpcs = pages.find(({ path }) => path === "/keys")?.rpcs ?? [];
const frame: ConsolePage = { path: "/embed", title: "API keys in a page of the platform's product", rpcs };
const pictured = [...pages, frame];
const nameOf = ({ path }: ConsolePage) => path.slice(1).replaceAll("/", "-").replace(":id", "one");
const fileOf = (name: string, theme: Theme, width: number) => `${name}-${theme}-${width}.png`;
const emptyName = ({ name }: EmptyList) => `empty-${name}`;

/** The section of docs/console.md about the pages. */
function section(): string {
  const parts = pictured.map((page) => {
    const [light, dark] = themes.map(
      (theme) => `![${page.title}, ${theme}](pictures/${fileOf(nameOf(page), theme, 1280)})`,
    );
    const phone = themes.map((theme) => `[${theme}](pictures/${fileOf(nameOf(page), theme, 390)})`);
    const head = `### ${page.title}\n\n\`/console${page.path}\` calls ${page.rpcs.map((rpc) => `\`${rpc}\``).join(", ")}.`;
    return `${head} On a phone: ${phone.join(", ")}.\n\n| light | dark |\n| --- | --- |\n| ${light} | ${dark} |\n`;
  });
  return `<!-- pages: written by test/console/pictures.test.ts -->\n\n${[...parts, emptySection()].join("\n")}\n<!-- end of the pages -->`;
}

/** The section about the lists without items. */
function emptySection(): string {
  const rows = emptyLists.map((one) => {
    const [light, dark] = themes.map(
      (theme) => `![${one.title}, empty, ${theme}](pictures/${fileOf(emptyName(one), theme, 1280)})`,
    );
    const phone = themes.map((theme) => `[${theme}](pictures/${fileOf(emptyName(one), theme, 390)})`);
    return `| ${one.title}<br>on a phone: ${phone.join(", ")} | ${light} | ${dark} |`;
  });
  return `### Lists without items\n\n| list | light | dark |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

const written = /<!-- pages:.*<!-- end of the pages -->/s;

describe.skipIf(update)("docs/console.md", () => {
  test("shows each page of the console in both themes and at both widths", () => {
    const text = readFileSync(document, "utf8");
    const help = "run `npm run pictures`, and look at the pictures";
    expect(written.exec(text)?.[0], help).toBe(section());
    const named = [...pictured.map(nameOf), ...emptyLists.map(emptyName)].flatMap((name) =>
      themes.flatMap((theme) => widths.map((width) => fileOf(name, theme, width))),
    );
    expect(readdirSync(folder).sort(), help).toEqual(named.sort());
    for (const name of named) expect(statSync(join(folder, name)).size, name).toBeGreaterThan(5_000);
  });
});

const product = update ? await openProduct() : undefined;

describe.runIf(update)("the pictures", () => {
  const app = useApp({ LATCHKEY_EMBED_ORIGINS: product?.origin ?? "https://product.example" });
  const tabs = useConsole(app);
  afterAll(() => product?.close());

  test("are made again", async () => {
    const scene = await makeScene(app);
    const { token } = await newActing(app, scene.accountId, ...keysPermissions, "agents:*");
    const { newEmbedToken } = await readExample();
    if (!product) throw new Error("the product does not run");
    product.frameUrl = `${tabs.url}/console/embed`;
    product.give = () => newEmbedToken(tabs.url, token, scene.accountId);
    if (existsSync(folder)) rmSync(folder, { recursive: true });
    mkdirSync(folder);
    const empty = await makeEmptyScene(app);
    for (const theme of themes) {
      for (const width of widths) {
        const open = (path: string, as?: Scene) => tabs.open(path, { theme, width, as });
        await shootAll(await open("/log-in"), "public", scene, theme, width);
        await shootAll(await open("/keys", scene), undefined, scene, theme, width);
        await shoot(
          await openPlatform(await open("/platform"), app.platformToken),
          nameOf(platformPage()),
          theme,
          width,
        );
        const tab = await open("/log-in");
        await tab.goto(product.origin);
        await tab.frames()[1]?.getByText("Billing webhook").first().waitFor();
        await shoot(tab, nameOf(frame), theme, width);
        const users = [empty.nothing, empty.some];
        const emptyTabs = await Promise.all(users.map((as) => tabs.open("/keys", { theme, width, as })));
        for (const one of emptyLists) {
          const shown = emptyTabs[empty.isInSome(one) ? 1 : 0];
          if (!shown) throw new Error("a tab is missing");
          await shown.goto(`${tabs.url}/console${empty.address(one)}`);
          await untilEmpty(shown, one);
          await shoot(shown, emptyName(one), theme, width);
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

  /** Takes the pictures of the pages for everybody, or of those for members of the account. */
  async function shootAll(
    tab: Page,
    audience: "public" | undefined,
    { paths }: Scene,
    theme: Theme,
    width: number,
  ): Promise<void> {
    for (const page of pages) {
      if (page.audience === "platform" || (page.audience === "public") !== (audience === "public")) continue;
      await tab.goto(`${tabs.url}/console${paths[page.path] ?? page.path}`);
      await tab.getByRole("heading", { level: 1 }).first().waitFor();
      await shoot(tab, nameOf(page), theme, width);
    }
  }
});

// The key stays in the memory of the tab, so a page of the platform cannot be opened by its address.
async function openPlatform(tab: Page, token: string): Promise<Page> {
  await tab.getByLabel("Platform key").fill(token);
  await tab.keyboard.press("Enter");
  await tab.getByRole("heading", { name: "Accounts", level: 1 }).waitFor();
  return tab;
}

async function shoot(tab: Page, name: string, theme: Theme, width: number): Promise<void> {
  await expect.poll(() => tab.getByRole("status", { name: "Loading" }).count(), { timeout: 10_000 }).toBe(0);
  // The cursor of a field blinks.
  await tab.evaluate("document.activeElement.blur()");
  const overflow = await tab.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
  expect(overflow, `${name} is wider than ${width} pixels`).toBeLessThanOrEqual(0);
  await tab.screenshot({ path: join(folder, fileOf(name, theme, width)) });
}

/** The only page of the platform. */
function platformPage(): ConsolePage {
  const [page, ...more] = pages.filter(({ audience }) => audience === "platform");
  if (!page || more.length > 0) throw new Error("take the pictures of all pages of the platform");
  return page;
}
