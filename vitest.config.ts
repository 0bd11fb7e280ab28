import { globSync, readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { ProjectsInTurn } from "./test/support/sequencer.ts";

// The project "processes" starts its own servers, browsers and databases. "fast-clock" replaces timers. "fast" is everything else.
// The files of a worker share its modules, so each file must restore the environment, timers and listeners that it changes.
const processes = ["test/processes/**/*.test.ts"];
// Each of these files starts a browser.
const browsers = ["test/console/**/*.test.ts"];

// The files that replace timers have workers of their own. In another worker, the app that files share would start timers that
// never end.
const clocks = globSync("test/**/*.test.ts").filter((file) =>
  readFileSync(file, "utf8").includes("vi.useFakeTimers("),
);

// Bundles the programs that tests start.
const programs = "test/support/server/programs.ts";

// Compares every answer of plain HTTP with gen/openapi.json.
const checkAnswers = "test/support/openapi/setup.ts";

// Fails a file that does not restore what it changed in its process. It is the first setup file, so its check runs last.
const checkRestored = "test/support/restored.ts";

const inProcess = {
  // Most objects of a test end with it. With room for them, fewer are copied by the garbage collection.
  execArgv: ["--max-semi-space-size=32"],
  setupFiles: [checkRestored, "test/support/random.ts", checkAnswers],
};

const long = process.env.LATCHKEY_TEST_LONG === "1";
const processTimeoutMs = long ? 600_000 : 180_000;

export default defineConfig({
  test: {
    globalSetup: "test/support/global-setup.ts",
    testTimeout: long ? 600_000 : 60_000,
    hookTimeout: 60_000,
    // A wait for an event ends when the event is there. On a busy machine, that may take seconds.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    // Two more than the cores: a worker often waits for Postgres, a server or a browser.
    maxWorkers: 4,
    isolate: false,
    sequence: { sequencer: ProjectsInTurn },
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["test/**/*.test.ts", "console/test/**/*.test.ts"],
          exclude: [...processes, ...browsers, ...clocks],
          ...inProcess,
        },
      },
      {
        extends: true,
        test: { name: "fast-clock", include: clocks, ...inProcess },
      },
      {
        extends: true,
        test: {
          name: "processes",
          include: processes,
          globalSetup: programs,
          setupFiles: [checkRestored, checkAnswers],
          testTimeout: processTimeoutMs,
          hookTimeout: processTimeoutMs,
        },
      },
      {
        extends: true,
        test: {
          name: "console",
          include: browsers,
          setupFiles: [checkRestored, "test/support/random.ts"],
          testTimeout: processTimeoutMs,
          hookTimeout: processTimeoutMs,
        },
      },
    ],
  },
});
