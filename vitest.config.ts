import { defineConfig } from "vitest/config";

// "processes" starts servers, browsers and databases of its own. "slow" does so too, and minds the time, so that nothing
// else may run beside it. "fast" is everything else.
const processes = ["test/processes/**/*.test.ts"];
const slow = ["test/slow/**/*.test.ts"];

export default defineConfig({
  test: {
    globalSetup: "test/support/global-setup.ts",
    testTimeout: 30_000,
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
          testTimeout: 180_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "slow",
          include: slow,
          testTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
