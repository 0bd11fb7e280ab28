import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { test } from "../support/server/site-test.ts";

const isRoot = process.geteuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };

// Only root can create files of other users. As another user, these tests are skipped.
describe.runIf(isRoot)("an ordinary user that starts the server on", { concurrent: true }, () => {
  test.for<[name: string, prepare: (path: string) => void, line: RegExp]>([
    [
      "a directory of another user",
      (path) => mkdirSync(path, { mode: 0o755 }),
      /belongs to user 0, but this process runs as user 65534/,
    ],
    [
      "a directory that everyone can write to",
      (path) => {
        mkdirSync(path);
        chmodSync(path, 0o777);
      },
      /belongs to user 0, but this process runs as user 65534/,
    ],
    [
      "a database of another user",
      (path) => {
        mkdirSync(join(path, "postgres"), { recursive: true });
        writeFileSync(join(path, "postgres", "PG_VERSION"), "18\n");
        chownSync(path, nobody.uid, nobody.gid);
      },
      /has a database of user 0, but this process runs as user 65534/,
    ],
    [
      "a read-only directory of its own",
      (path) => {
        mkdirSync(path, { mode: 0o500 });
        chownSync(path, nobody.uid, nobody.gid);
      },
      /is read-only, mode 0500/,
    ],
  ])("%s gets one line, and nothing changes", async ([, prepare, line], { newSite }) => {
    const site = newSite({}, { user: nobody });
    prepare(site.dataDir);
    const state = () => [
      lstatSync(site.dataDir).mode,
      lstatSync(site.dataDir).uid,
      readdirSync(site.dataDir),
    ];
    const before = state();
    const { code, stdout, stderr } = await site.run(["serve"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^latchkey: [^\n]+\n$/);
    expect(stderr).toMatch(line);
    expect(state()).toEqual(before);
  });
});
