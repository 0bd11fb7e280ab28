import { defineConfig } from "vitest/config";

// "processes" starts servers, browsers and databases of its own. "slow" does so too, and minds the time, so that nothing
// else may run beside it. "fast" is everything else; its files share the modules of their worker, so that each restores
// what it changes of the environment, timers and listeners.
const processes = ["test/processes/**/*.test.ts"];
const slow = ["test/slow/**/*.test.ts"];

const long = process.env.LATCHKEY_TEST_LONG === "1";
const processTimeoutMs = long ? 600_000 : 180_000;

export default defineConfig({
  test: {
    globalSetup: "test/support/global-setup.ts",
    testTimeout: long ? 600_000 : 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: [...processes, ...slow],
          isolate: false,
          setupFiles: "test/support/random.ts",
        },
      },
      {
        extends: true,
        test: {
          name: "processes",
          include: processes,
          testTimeout: processTimeoutMs,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "slow",
          include: slow,
          testTimeout: processTimeoutMs,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
