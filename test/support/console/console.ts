import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { defaultLimits } from "../../../src/net/limits.ts";
import { openPort } from "../../../src/net/port.ts";
import type { Handler } from "../../../src/net/request.ts";
import type { TestApp } from "../app.ts";
import { launchBrowser } from "../server/browser.ts";
import { createHolds, type HeldResponse } from "./hold.ts";
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

/** The console of an app, in Chromium. */
export interface TestConsole {
  /** The origin of the server. */
  url: string;
  browser: Browser;
  /** Opens a tab at a path below `/console`. It closes after the test. */
  open(path: string, options?: TabOptions): Promise<Page>;
  /** Says that the test expects problems in the console of the browser that this pattern matches. */
  allow(problem: RegExp): void;
  /** Closes the tabs. Fails if a tab had problems. Runs after each test. */
  finishTest(): Promise<void>;
  /** Holds the response to the next call of a method, such as `SessionService/LogOut`, with its cookies. */
  holdNext(method: string): HeldResponse;
  /** Ends all connections and refuses new ones, until the returned function is called. */
  goAway(): Promise<() => Promise<void>>;
}

/**
 * Opens the console of an app for a test file: the real port with the built page, and one Chromium. A test fails if a tab
 * reports a violation of its policy, an error or a warning. Read the result only inside tests.
 */
export function useConsole(app: TestApp): TestConsole {
  let opened: OpenConsole | undefined;
  beforeAll(async () => {
    opened = await openConsole(app);
  });
  afterEach(() => opened?.finishTest());
  afterAll(() => opened?.close());
  return new Proxy({} as TestConsole, {
    get(_target, name: keyof TestConsole) {
      if (!opened) throw new Error("the console exists only while tests run");
      return opened[name];
    },
  });
}

/** A console that its owner closes. */
export interface OpenConsole extends TestConsole {
  close(): Promise<void>;
}

/** Opens the console of an app. */
export async function openConsole(app: TestApp): Promise<OpenConsole> {
  const holds = createHolds(app.app.handler);
  const listen = (port: number) => open(app, holds.handler, port);
  const [first, { browser, close }] = await Promise.all([listen(0), launchBrowser()]);
  let port = first;
  let away = false;
  const { url } = first;
  const contexts: BrowserContext[] = [];
  const problems: string[] = [];
  const allowed: RegExp[] = [];

  async function contextOf({ as, theme = "light", width = 1280 }: TabOptions): Promise<BrowserContext> {
    const viewport = { width, height: 800 };
    const context = await browser.newContext({ colorScheme: theme, viewport, reducedMotion: "reduce" });
    contexts.push(context);
    if (as) await context.addCookies([sessionCookie(url, as.token)]);
    return context;
  }
  async function back(): Promise<void> {
    if (away) port = await listen(first.port);
    away = false;
  }
  return {
    url,
    browser,
    async open(path, options = {}) {
      const context = options.context ?? (await contextOf(options));
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      await watchProblems(page, (problem) => problems.push(problem));
      await page.goto(`${url}/console${path}`);
      return page;
    },
    allow: (problem) => void allowed.push(problem),
    holdNext: (method) => holds.next(`/latchkey.v1.${method}`),
    async goAway() {
      await port.drain();
      away = true;
      return back;
    },
    async finishTest() {
      await back();
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      const patterns = allowed.splice(0);
      const found = problems
        .splice(0)
        .filter((problem) => !patterns.some((pattern) => pattern.test(problem)));
      expect(found, "the browser reported these problems").toEqual([]);
    },
    async close() {
      await close();
      await port.drain();
    },
  };
}

function open({ app }: TestApp, handler: Handler, port: number) {
  return openPort({
    host: "127.0.0.1",
    port,
    handler,
    plain: app.plain,
    isReady: () => true,
    limits: { ...defaultLimits, drainGraceMs: 100 },
  });
}

/** Returns the cookie that the server sets at a log-in. */
export function sessionCookie(url: string, token: string) {
  return {
    name: "__Host-latchkey-session",
    value: token,
    domain: new URL(url).hostname,
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite: "Strict" as const,
  };
}
