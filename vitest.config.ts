import { defineConfig } from "vitest/config";

// "slow" starts processes, browsers or whole clusters; "fast" is everything else.
const slow = ["test/slow/**/*.test.ts"];

export default defineConfig({
  test: {
    globalSetup: "test/support/global-setup.ts",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: "fast", include: ["test/**/*.test.ts"], exclude: slow } },
      { extends: true, test: { name: "slow", include: slow, testTimeout: 180_000, fileParallelism: false } },
    ],
  },
});
