import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openDataDir } from "../../src/db/embedded/data-dir.ts";
import { unprivilegedUser } from "../../src/db/embedded/postgres-user.ts";
import { scratchDirectory } from "../support/server/scratch.ts";

const isRoot = process.geteuid?.() === 0;
const stranger = 54_321;
let path: string;
beforeEach(() => {
  const root = scratchDirectory("data-dir");
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  path = join(root, "data");
});

/** Returns the entries below a path with their modes, owners and contents. */
function snapshot(at: string): unknown {
  const { mode, uid, gid } = lstatSync(at);
  const isDirectory = lstatSync(at).isDirectory();
  const content = isDirectory
    ? readdirSync(at).map((name) => [name, snapshot(join(at, name))])
    : readFileSync(at, "utf8");
  return { mode, uid, gid, content };
}

function makeDatabase(): string {
  mkdirSync(join(path, "postgres"), { recursive: true, mode: 0o700 });
  writeFileSync(join(path, "postgres", "PG_VERSION"), "18\n");
  return join(path, "postgres");
}

const wrong: [name: string, prepare: () => void, problem: RegExp][] = [
  ["a file", () => writeFileSync(path, "x"), / is not a directory;/],
  [
    "a directory with files of other programs",
    () => {
      mkdirSync(path);
      for (const name of ["a.txt", "b\nc", "d", "e"]) writeFileSync(join(path, name), "x");
    },
    / has no database, but other files: "a\.txt", "b\\nc", "d" and 1 more;/,
  ],
  [
    "a read-only directory of its own",
    () => mkdirSync(path, { mode: 0o500 }),
    / is read-only, mode 0500; if that is not intended, run `chmod u\+rwx` on it;/,
  ],
  [
    "a directory with a read-only database",
    () => chmodSync(makeDatabase(), 0o500),
    / has a read-only database \(its directory postgres\), mode 0500;/,
  ],
  [
    "a directory whose entry postgres is a file",
    () => {
      mkdirSync(path);
      writeFileSync(join(path, "postgres"), "x", { mode: 0o700 });
    },
    / has an entry "postgres" that is no database;/,
  ],
  [
    "a directory whose entry postgres is no database",
    () => mkdirSync(join(path, "postgres"), { recursive: true, mode: 0o700 }),
    / has an entry "postgres" that is no database;/,
  ],
];
const wrongForRoot: typeof wrong = [
  [
    "an empty directory of another user",
    () => {
      mkdirSync(path);
      chownSync(path, stranger, stranger);
    },
    / belongs to user 54321, but this process runs as root;/,
  ],
];

describe("a data directory that cannot be used gets one line, and nothing changes:", () => {
  test.each(isRoot ? [...wrong, ...wrongForRoot] : wrong)("%s", (_name, prepare, problem) => {
    prepare();
    const before = snapshot(path);
    let message = "";
    try {
      openDataDir(path, () => expect.fail("a user was created"));
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(problem);
    expect(message).toContain(path);
    expect(message).toMatch(/; LATCHKEY_DATA_DIR can name another one$/);
    expect(message).not.toContain("\n");
    expect(snapshot(path)).toEqual(before);
  });
});

describe("a data directory can be used:", () => {
  const none = () => undefined;
  test("a missing one, which is created with mode 0700", () => {
    openDataDir(join(path, "deep"), none);
    expect(lstatSync(join(path, "deep")).mode & 0o777).toBe(0o700);
  });

  test("an empty one, which gets mode 0700", () => {
    mkdirSync(path, { mode: 0o755 });
    openDataDir(path, none);
    expect(lstatSync(path).mode & 0o777).toBe(0o700);
  });

  test("one with the files of an unfinished start, of the quick start and of a new volume", () => {
    mkdirSync(path, { mode: 0o755 });
    const names = [
      "lock",
      "lock.1.new",
      "postgres-password",
      "postgres.new-x",
      "outbox",
      "me",
      "key.json",
      "lost+found",
    ];
    for (const name of names) writeFileSync(join(path, name), "x");
    const before = snapshot(path);
    openDataDir(path, none);
    expect(snapshot(path)).toEqual(before);
  });

  test("one with a database, whatever else is in it", () => {
    makeDatabase();
    writeFileSync(join(path, "notes.txt"), "x");
    const before = snapshot(path);
    openDataDir(path, none);
    expect(snapshot(path)).toEqual(before);
  });

  test.runIf(isRoot)("one with a database of another user, which runs it", () => {
    const directory = makeDatabase();
    for (const one of [path, directory]) chownSync(one, stranger, stranger);
    const { user } = openDataDir(path, () => expect.fail("a user was created"));
    expect(user).toEqual({ uid: stranger, gid: stranger });
  });
});

describe("the user of Postgres", () => {
  const postgres = { uid: 7, gid: 8 };
  test("is created only by root, only if it is missing, and after a line in the log", () => {
    const steps: string[] = [];
    const log = { warn: (_: object, message: string) => void steps.push(message) };
    const commands = (isRoot: boolean, exists: boolean) => ({
      isRoot,
      find: () => (exists || steps.includes("created") ? postgres : undefined),
      create: () => void steps.push("created"),
    });
    expect(unprivilegedUser(log, commands(false, false))).toBeUndefined();
    expect(unprivilegedUser(log, commands(true, true))).toEqual(postgres);
    expect(steps).toEqual([]);
    expect(unprivilegedUser(log, commands(true, false))).toEqual(postgres);
    expect(steps).toEqual([
      expect.stringMatching(/runs as root.*creating the system user postgres/),
      "created",
    ]);
  });
});
