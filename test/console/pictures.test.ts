// Makes the pictures of docs/console.md with `npm run pictures`. Otherwise, checks that each page has its pictures.
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, describe, expect, test } from "vitest";
import { newActing } from "../support/actors/acting.ts";
import { keysPermissions } from "../support/actors/embed.ts";
import { useApp } from "../support/app.ts";
import { useConsole } from "../support/console/console.ts";
import { emptyLists, makeEmptyScene, untilEmpty } from "../support/console/empty.ts";
import { type ConsolePage, readPages } from "../support/console/pages.ts";
import { emptyName, fileOf, framePage, nameOf, themes, widths } from "../support/console/pictures.ts";
import { openProduct, readExample } from "../support/console/product.ts";
import { makeScene, type Scene } from "../support/console/scene.ts";
import type { Theme } from "../support/console/tabs.ts";
import { root } from "../support/imports.ts";

const folder = join(root, "docs", "pictures");
const update = process.env.UPDATE_PICTURES === "1";

const pages = await readPages();
const frame = await framePage();

describe.skipIf(update)("docs/pictures", () => {
  test("has each page of the console in both themes and at both widths", () => {
    const help = "run `npm run pictures`, and look at the pictures";
    const named = [...[...pages, frame].map(nameOf), ...emptyLists.map(emptyName)].flatMap((name) =>
      themes.flatMap((theme) => widths.map((width) => fileOf(name, theme, width))),
    );
    expect(readdirSync(folder).sort(), help).toEqual(named.sort());
    for (const name of named)
      expect(statSync(join(folder, name)).size, `${name}: ${help}`).toBeGreaterThan(5_000);
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
  });

  /** Takes the pictures of the public pages, or of the pages for members of the account. */
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
