import type { Browser, BrowserContext, Page } from "playwright-core";
import { blankPath } from "./blank.ts";
import { watchProblems } from "./problems.ts";

/** The colours of a page. */
export type Theme = "light" | "dark";

/** The options of a tab. */
export interface TabOptions {
  /** The user of the tab: an owner, or the token of a session. Without it, the tab is not signed in. */
  as?: { token: string } | undefined;
  theme?: Theme;
  /** The width of the window in pixels. Its height is 800. */
  width?: number;
  /** A context of an earlier tab. The tabs of a context share their cookies, as in one browser. */
  context?: BrowserContext;
}

/** The tabs of a browser, for one test after another. */
export interface Tabs {
  /** Opens a tab at an address. */
  open(origin: string, path: string, options: TabOptions): Promise<Page>;
  /** Ends the tabs of a test. Returns the problems that they had. */
  finish(origin: string): Promise<string[]>;
}

/** A context with its tabs. The first `used` of them belong to the test that runs. */
interface Profile {
  context: BrowserContext;
  pages: Page[];
  used: number;
}

/**
 * Creates the tabs of a browser. The tab of a test becomes an empty one without cookies and storage, and serves the next
 * test. A new tab has a process of its own, which compiles all scripts again: this costs three times as much as a page.
 */
export function createTabs(browser: Browser): Tabs {
  const free: Profile[] = [];
  const taken: Profile[] = [];
  const problems: string[] = [];

  async function take(): Promise<Profile> {
    const profile = free.pop() ?? { context: await browser.newContext(), pages: [], used: 0 };
    taken.push(profile);
    return profile;
  }
  async function pageOf(profile: Profile): Promise<Page> {
    const page = profile.pages[profile.used++];
    if (page) return page;
    const added = await profile.context.newPage();
    profile.pages.push(added);
    added.setDefaultTimeout(15_000);
    await watchProblems(added, (problem) => problems.push(problem));
    return added;
  }
  return {
    async open(origin, path, { as, theme = "light", width = 1280, context }) {
      const profile = taken.find((one) => one.context === context) ?? (await take());
      if (as) await profile.context.addCookies([sessionCookie(origin, as.token)]);
      const page = await pageOf(profile);
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 800 });
      await page.goto(`${origin}${path}`);
      return page;
    },
    async finish(origin) {
      const clean = taken.splice(0).map(async (profile) => {
        if (await empty(profile, origin)) free.push(profile);
        else await profile.context.close();
      });
      await Promise.all(clean);
      return problems.splice(0);
    },
  };
}

/** Empties the tabs of a context. Returns false if the test has left something that would reach the next test. */
async function empty(profile: Profile, origin: string): Promise<boolean> {
  const { context, pages } = profile;
  const isOurs = (page: Page) => page.url().startsWith(`${origin}/`);
  const used = pages.slice(0, profile.used);
  if (context.pages().length > pages.length || !used.every(isOurs)) return false;
  for (const page of used) {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.goto(`${origin}${blankPath}`);
  }
  await context.clearCookies();
  await context.clearPermissions();
  profile.used = 0;
  return true;
}

/** Returns the cookie that the server sets at a log-in. */
function sessionCookie(origin: string, token: string) {
  return {
    name: "__Host-latchkey-session",
    value: token,
    domain: new URL(origin).hostname,
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite: "Strict" as const,
  };
}
