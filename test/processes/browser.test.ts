import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { password } from "../support/app.ts";
import { launchBrowser, servePage } from "../support/server/browser.ts";
import type { Visit } from "../support/server/browser-page.ts";
import { createSite, type Served } from "../support/server/serve.ts";

const site = createSite();
const ends: (() => unknown)[] = [() => site.clear()];
let browser: Browser;
// A tab per test would have a process of its own, which compiles the script of the page again.
let tab: Page;
let server: Served;
let configured: string;
let foreign: string;

beforeAll(async () => {
  const script = join(import.meta.dirname, "..", "support", "server", "browser-page.ts");
  const pages = await Promise.all([servePage(script), servePage(script)]);
  ends.push(...pages.map((served) => served.close));
  [configured, foreign] = [pages[0].origin, pages[1].origin];
  server = await site.serve({ LATCHKEY_CORS_ORIGINS: `https://app.example,${configured}` });
  const launched = await launchBrowser();
  ends.push(launched.close);
  browser = launched.browser;
  tab = await browser.newPage();
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

describe.each([
  ["connect", true],
  ["connect", false],
  ["grpcweb", true],
] as const)("connect-web in Chromium, protocol %s, binary %s", (protocol, useBinaryFormat) => {
  test("a page of a configured origin issues and verifies a key", async () => {
    const visit = visitOf(protocol, useBinaryFormat);
    const seen = await onPage(configured, (visit) => page.issueAndVerify(visit), visit);
    expect(seen.valid).toBe(true);
    expect(seen.keyId).toMatch(/^key_/);
    expect(seen.principalKeyId).toBe(seen.keyId);
  });

  test("a page of a configured origin gets the reason, details and headers of an error", async () => {
    const visit = visitOf(protocol, useBinaryFormat);
    const seen = await onPage(configured, (visit) => page.beRefused(visit, "lk_live_garbage"), visit);
    expect(seen).toMatchObject({
      code: "Unauthenticated",
      reason: "INVALID_API_KEY",
      challenge: expect.stringContaining("Bearer"),
      requestId: expect.stringMatching(/^[\w-]+$/),
    });
  });

  test("a page of another origin cannot call the service", async () => {
    const visit = visitOf(protocol, useBinaryFormat);
    await expect(onPage(foreign, (visit) => page.issueAndVerify(visit), visit)).rejects.toThrow(
      /Failed to fetch/,
    );
    // The call was not executed either: the same person can still sign up.
    await onPage(configured, (visit) => page.issueAndVerify(visit), visit);
  });
});

test("the reference at /docs shows its text and style, has no script, loads nothing else, and breaks no rule of its policy", async () => {
  const docs = await browser.newPage();
  try {
    const requests: string[] = [];
    const problems: string[] = [];
    docs.on("request", (request) => requests.push(request.url()));
    docs.on("console", (message) => problems.push(message.text()));
    docs.on("pageerror", (error) => problems.push(error.message));
    const response = await docs.goto(`${server.url}/docs`, { waitUntil: "load" });
    const policy = response?.headers()["content-security-policy"] ?? "";
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/);
    expect(policy).not.toContain("unsafe");
    const seen = await docs.evaluate(() => {
      const { document, getComputedStyle } = globalThis as unknown as Shown;
      const links = [...document.querySelectorAll("a[href^='#']")].map((link) => link.getAttribute("href"));
      return {
        text: document.body.innerText,
        display: getComputedStyle(document.body).display,
        scripts: document.querySelectorAll("script").length,
        broken: links.filter((link) => !document.getElementById(link?.slice(1) ?? "")),
        links: links.length,
      };
    });
    expect(seen.text).toContain("POST /v1/account/api_keys/{id}:rotate");
    expect(seen.text).toContain("needs the permission api_keys:write");
    expect(seen).toMatchObject({ display: "grid", scripts: 0, broken: [] });
    expect(seen.links).toBeGreaterThan(100);
    expect({ requests: requests.filter((url) => !url.startsWith("data:")), problems }).toEqual({
      requests: [`${server.url}/docs`],
      problems: [],
    });
  } finally {
    await docs.close();
  }
});

/** What a page of a browser has. The tests are compiled without the types of browsers. */
interface Shown {
  document: {
    body: { innerText: string };
    querySelectorAll(
      selector: string,
    ): Iterable<{ getAttribute(name: string): string | null }> & { length: number };
    getElementById(id: string): unknown;
  };
  getComputedStyle(element: unknown): { display: string };
}

let people = 0;

function visitOf(protocol: Visit["protocol"], useBinaryFormat: boolean): Visit {
  people += 1;
  const email = `person${people}@example.com`;
  const verifier = site.token("verifier-key");
  return { baseUrl: server.url, protocol, useBinaryFormat, email, password, verifier };
}

async function onPage<T>(origin: string, run: (visit: Visit) => Promise<T>, visit: Visit): Promise<T> {
  await tab.goto(origin);
  await tab.waitForFunction(() => "page" in globalThis);
  return tab.evaluate<T, Visit>(run, visit);
}
