import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, CDPSession, Page } from "playwright-core";
import { launchChromium, unpackChromium } from "../test/support/server/chromium.ts";
import { quantile } from "./closed-loop.ts";
import { decimals } from "./compare.ts";
import { openBenchDatabase } from "./database.ts";
import { addKeys } from "./fill.ts";
import type { Part } from "./part.ts";
import { startService } from "./service.ts";

const listed = 10_000;
const slowdown = 4;

/**
 * The console in Chromium: how soon its first page is visible with a CPU that is four times slower, and how far its memory
 * grows while a user pages through all keys of an account.
 */
export const consolePage: Part = async (stack, { quick }, progress) => {
  const database = await openBenchDatabase(stack, 100, 1);
  const { port } = await startService(stack, database);
  const url = `http://127.0.0.1:${port}`;
  const email = "ada@example.com";
  const accountId = await signUp(url, email);
  // The keys of the bench have numbers, which must be new.
  await addKeys(database.url, accountId, 1_000, 1_000 + listed);
  const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-chromium-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const program = join(folder, "program");
  await unpackChromium(program);
  const { browser, close } = await launchChromium(program);
  stack.defer(close);
  const paints: number[] = [];
  for (let n = 0; n < (quick ? 1 : 9); n += 1) paints.push(await firstPaint(browser, url));
  const { first, highest, last, pages } = await pageThrough(browser, url, email, quick ? 5 : 1_000, progress);
  const sorted = paints.sort((a, b) => a - b);
  const mebibytes = (bytes: number) => decimals(bytes / 2 ** 20);
  return [
    "### Console\n",
    `First contentful paint of the log-in page on loopback, with a ${slowdown} × slower CPU and an empty cache: median ${Math.round(quantile(sorted, 0.5))} ms`,
    `(${Math.round(sorted[0] ?? 0)} to ${Math.round(sorted.at(-1) ?? 0)} ms, ${sorted.length} loads; to reach: at most 1,000 ms).`,
    `JavaScript heap after a collection, while a user pages through ${listed} keys (${pages} pages): ${mebibytes(first)} MiB on the first page,`,
    `${mebibytes(highest)} MiB at most, ${mebibytes(last)} MiB on the last (to reach: at most 50 MB).\n`,
  ].join("\n");
};

const password = "correct horse battery staple";

async function signUp(url: string, email: string): Promise<string> {
  const response = await fetch(`${url}/v1/auth/signup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password, name: "Ada", accountName: "Acme" }),
  });
  const body = (await response.json()) as { account?: { metadata?: { id?: string } } };
  const id = body.account?.metadata?.id;
  if (!id) throw new Error(`SignUp: status ${response.status}`);
  return id;
}

/** Loads the log-in page in a new browser profile, and returns the time of its first contentful paint in ms. */
async function firstPaint(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: slowdown });
    await page.goto(`${url}/console/log-in`);
    await page.getByLabel("Password").waitFor();
    return await page.evaluate<number>(paintOf);
  } finally {
    await context.close();
  }
}

// The browser may report the paint a moment later.
const paintOf = `new Promise((resolve) => {
  new PerformanceObserver((list) => {
    for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") resolve(startTime);
  }).observe({ type: "paint", buffered: true });
})`;

/** Pages through the keys, and returns the bytes of the heap. */
async function pageThrough(
  browser: Browser,
  url: string,
  email: string,
  maxPages: number,
  progress: (text: string) => void,
) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/console/keys`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  const session = await context.newCDPSession(page);
  const next = page.getByRole("button", { name: "Next" });
  await next.waitFor();
  const first = await heapOf(session);
  let [highest, last, pages] = [first, first, 1];
  while (pages < maxPages && (await place(page)) < listed) {
    await next.click();
    pages += 1;
    if (pages % 25 === 0) {
      last = await heapOf(session);
      highest = Math.max(highest, last);
      progress(`console: page ${pages}`);
    }
  }
  last = await heapOf(session);
  return { first, highest: Math.max(highest, last), last, pages };
}

/** Returns the number of the last key on the page: 50 in "26 to 50", beside the buttons. */
async function place(page: Page): Promise<number> {
  const text = await page.locator(".pager [role=status]").textContent();
  return Number(/ to (\d+)/.exec(text ?? "")?.[1] ?? 0);
}

async function heapOf(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return usedSize;
}
