import type { Page } from "playwright-core";
import { afterAll, afterEach, expect, test } from "vitest";
import { defaultLimits } from "../../../src/net/limits.ts";
import { openPort } from "../../../src/net/port.ts";
import type { Handler } from "../../../src/net/request.ts";
import type { SharedApp } from "../app.ts";
import { launchWorkerBrowser } from "../server/browser.ts";
import { blankPath, withBlankPage } from "./blank.ts";
import { createHolds, type HeldResponse } from "./hold.ts";
import { createTabs, type TabOptions, type Tabs } from "./tabs.ts";

/** The console of an app, in Chromium. */
export interface TestConsole {
  /** The origin of the server. */
  url: string;
  /** Opens a tab at a path below `/console`. It ends after the test. */
  open(path: string, options?: TabOptions): Promise<Page>;
  /** Opens an empty tab. It ends after the test. */
  openBlank(options?: TabOptions): Promise<Page>;
  /** Says that the test expects problems in the console of the browser that this pattern matches. */
  allow(problem: RegExp): void;
  /** Ends the tabs. Fails if a tab had problems. Runs after each test. */
  finishTest(): Promise<void>;
  /** Holds the response to the next call of a method, such as `SessionService/LogOut`, with its cookies. */
  holdNext(method: string): HeldResponse;
  /** Ends all connections and refuses new ones, until the returned function is called. */
  goAway(): Promise<() => Promise<void>>;
}

// The runner starts the browser of a worker for the first file that uses it, and closes it with the worker.
const ofWorker = test
  .extend("chromium", { scope: "worker" }, { launch: launchWorkerBrowser })
  .extend("tabs", { scope: "worker" }, async ({ chromium }, { onCleanup }) => {
    const { browser, close } = await chromium.launch();
    onCleanup(close);
    return createTabs(browser);
  })
  .extend("address", { scope: "worker" }, { port: 0 });

/**
 * Opens the console of an app for a test file: the real port with the built page, and the Chromium of the worker. A test
 * fails if a tab reports a violation of its policy, an error or a warning. Read the result only inside tests.
 */
export function useConsole(app: SharedApp): TestConsole {
  let opened: OpenConsole | undefined;
  ofWorker.beforeAll(async ({ tabs, address }) => {
    opened = await openConsole(app, tabs, address);
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
interface OpenConsole extends TestConsole {
  close(): Promise<void>;
}

/**
 * Opens the console of an app in a browser, at the port of the previous file if it is free. A tab that changes to another
 * origin gets a new process.
 */
async function openConsole(app: SharedApp, tabs: Tabs, address: { port: number }): Promise<OpenConsole> {
  const holds = createHolds(app.app.handler);
  const listen = (port: number) => open(app, withBlankPage(holds.handler), port);
  const first = await listen(address.port).catch(() => listen(0));
  address.port = first.port;
  let port = first;
  let away = false;
  const { url } = first;
  const allowed: RegExp[] = [];

  async function back(): Promise<void> {
    if (away) port = await listen(first.port);
    away = false;
  }
  return {
    url,
    open: (path, options = {}) => tabs.open(url, `/console${path}`, options),
    openBlank: (options = {}) => tabs.open(url, blankPath, options),
    allow: (problem) => void allowed.push(problem),
    holdNext: (method) => holds.next(`/latchkey.v1.${method}`),
    async goAway() {
      await port.drain();
      away = true;
      return back;
    },
    async finishTest() {
      await back();
      const problems = await tabs.finish(url);
      const patterns = allowed.splice(0);
      const found = problems.filter((problem) => !patterns.some((pattern) => pattern.test(problem)));
      expect(found, "the browser reported these problems").toEqual([]);
    },
    close: () => port.drain(),
  };
}

function open({ app }: SharedApp, handler: Handler, port: number) {
  return openPort({
    host: "127.0.0.1",
    port,
    handler,
    plain: app.plain,
    isReady: () => true,
    limits: { ...defaultLimits, drainGraceMs: 100 },
  });
}
