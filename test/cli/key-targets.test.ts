import fs, { existsSync, fstatSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { createKeyTargets } from "../../src/cli/key-targets.ts";
import { bootstrap, hasPlatform, rotatePlatformToken } from "../../src/domain/account/bootstrap.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { useApp } from "../support/app.ts";
import { createTestDatabase } from "../support/database/database.ts";
import { unserved } from "../support/database/store.ts";
import { scratchDirectory } from "../support/server/scratch.ts";

const app = useApp();
const mint = mintToken.bind(undefined, "lk");
let file: string;
beforeEach(() => {
  const directory = scratchDirectory("keys");
  file = join(directory, "platform-key");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
});

const unwritable = () => {
  throw new Error("the disk is full");
};

test("if a token cannot be written, no platform account is created", async () => {
  const database = await createTestDatabase("migrated");
  onTestFinished(database.drop);
  const making = bootstrap(unserved(database.db), mint, { verifier: true, onMinted: unwritable });
  await expect(making).rejects.toThrow("the disk is full");
  expect(await hasPlatform(database.db)).toBe(false);
});

test("if a new token cannot be written, the old one stays valid", async () => {
  await expect(rotatePlatformToken(unserved(app.db), mint, unwritable)).rejects.toThrow("the disk is full");
  await app.clientAs(app.platformToken).accounts.searchAccounts({});
});

test("new files are private, and those without tokens are removed after a failure", () => {
  const targets = createKeyTargets();
  targets.create({ platform: file, verifier: `${file}-2` });
  for (const one of [file, `${file}-2`]) expect(statSync(one).mode & 0o777).toBe(0o600);
  expect(targets.abandon()).toBe("");
  expect([existsSync(file), existsSync(`${file}-2`)]).toEqual([false, false]);
});

test("files with tokens that may be valid are kept after a failure, and the error names them", () => {
  const targets = createKeyTargets();
  targets.create({ platform: file });
  targets.write({ platform: "a longer first attempt" });
  targets.write({ platform: "the token" });
  expect(targets.abandon()).toBe(`; the tokens in ${file} may be valid`);
  expect(readFileSync(file, "utf8")).toBe("the token\n");
});

test("a file is replaced only once the change has succeeded", () => {
  writeFileSync(file, "old\n");
  const [failing, succeeding] = [createKeyTargets(), createKeyTargets()];
  failing.replace({ platform: file });
  failing.abandon();
  expect(readFileSync(file, "utf8")).toBe("old\n");
  succeeding.replace({ platform: file });
  succeeding.write({ platform: "new" });
  expect(readFileSync(file, "utf8")).toBe("old\n");
  succeeding.keep();
  expect(readFileSync(file, "utf8")).toBe("new\n");
});

/** Records what is synced to the disk until the test ends: the inode of each file and directory. */
function recordSyncs(): number[] {
  const synced: number[] = [];
  const { fsyncSync } = fs;
  const replace = (replacement: typeof fsyncSync) => {
    fs.fsyncSync = replacement;
    syncBuiltinESMExports();
  };
  replace((descriptor) => {
    fsyncSync(descriptor);
    synced.push(fstatSync(descriptor).ino);
  });
  onTestFinished(() => replace(fsyncSync));
  return synced;
}

test("a token and the name of its file are on the disk before the change is committed", () => {
  const synced = recordSyncs();
  const targets = createKeyTargets();
  targets.create({ platform: file });
  targets.write({ platform: "the token" });
  expect(synced).toEqual([statSync(file).ino, statSync(dirname(file)).ino]);
});

test("a replaced file has its new content under its name on the disk once it is final", () => {
  writeFileSync(file, "old\n");
  const targets = createKeyTargets();
  targets.replace({ platform: file });
  targets.write({ platform: "new" });
  const synced = recordSyncs();
  targets.keep();
  expect(synced).toEqual([statSync(dirname(file)).ino]);
});

test("if the directory of a file is gone, the token counts as not written", () => {
  const targets = createKeyTargets();
  targets.create({ platform: file });
  rmSync(dirname(file), { recursive: true });
  expect(() => targets.write({ platform: "the token" })).toThrow("ENOENT");
});
