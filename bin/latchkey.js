#!/usr/bin/env node
// Runs the command line of an installed package, and of a checkout. Old versions of Node must be able to read this file.
import { existsSync } from "node:fs";
import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

const source = new URL("../src/main.ts", import.meta.url);
// An installed package contains no TypeScript sources.
const installed = !existsSync(source);
// Node 24 comes with `npm ci` in a checkout.
const [neededMajor, neededMinor] = installed ? [22, 12] : [24, 0];
const [major, minor] = process.versions.node.split(".").map(Number);

if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  const problem = `Node ${process.versions.node} is too old. Latchkey needs Node ${neededMajor}.${neededMinor} or newer`;
  const remedy = installed
    ? "Update Node, or run `npm approve-scripts node && npm rebuild node`, which installs Node 24 for npx."
    : "Run `npm ci`, which installs Node 24, and start Latchkey with npm or npx.";
  process.stderr.write(`latchkey: ${problem}. ${remedy}\n`);
  process.exitCode = 1;
} else {
  // Compiled code of earlier runs halves the start of a command. The directory belongs to this user, because others must not
  // be able to replace the code.
  const { XDG_CACHE_HOME } = process.env;
  const caches = XDG_CACHE_HOME?.startsWith("/") ? XDG_CACHE_HOME : join(homedir(), ".cache");
  module.enableCompileCache?.(join(caches, "latchkey"));
  await import(installed ? "../dist/src/main.js" : source.href);
}
