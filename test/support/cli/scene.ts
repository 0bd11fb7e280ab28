import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { defaultLimits } from "../../../src/net/limits.ts";
import { openPort } from "../../../src/net/port.ts";
import { newEmail, newSession } from "../actors/actors.ts";
import { issueKey, newWorkspace, type Owner, password, type SharedApp } from "../app.ts";
import { scratchDirectory } from "../server/scratch.ts";
import { accountPlaceholders, type Maker, peoplePlaceholders } from "./nouns.ts";
import { type CliEnd, type CliInput, runCli } from "./run-cli.ts";

/** An owner who is logged in at a server, in a directory of their own. Read it only inside tests. */
export interface CliScene {
  owner: Owner;
  url: string;
  directory: string;
  /** The environment of the owner's shell. */
  env: Record<string, string>;
  /** Runs a command as the owner. */
  run(args: readonly string[], input?: CliInput): Promise<CliEnd>;
  /** Returns a line with each word such as `KEY_ID` replaced by a new resource or file. */
  filled(line: string): Promise<string>;
  /** Writes a file of the directory, which only its owner can read, and returns its path. */
  file(name: string, content: string): string;
}

/** Serves the app on a port, and logs an owner in, for a test file. */
export function useCliScene(app: SharedApp): CliScene {
  const scene = {} as CliScene;
  const ends: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    const port = await openPort({
      host: "127.0.0.1",
      port: 0,
      limits: { ...defaultLimits, drainGraceMs: 500 },
      handler: app.app.handler,
      plain: app.app.plain,
      onRefusal() {},
      onEviction() {},
    });
    ends.push(() => port.drain());
    Object.assign(scene, await newScene(app, port.url));
  });
  afterAll(async () => {
    for (const end of ends) await end();
    if (scene.directory !== undefined) rmSync(scene.directory, { recursive: true, force: true });
  });
  return scene;
}

async function newScene(app: SharedApp, url: string): Promise<CliScene> {
  const owner = await app.newAccount();
  const directory = scratchDirectory("cli");
  const env = { XDG_CONFIG_HOME: join(directory, "config"), HOME: directory, LATCHKEY_URL: url };
  let made = 0;
  const file = (name: string, content: string) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    chmodSync(path, 0o600);
    return path;
  };
  file("platform-key", app.platformToken);
  const accountId = owner.account.metadata?.id ?? "";
  const current = async () => {
    const token = await newSession(app, owner.email);
    return { ...owner, ...app.clientAs(token, { "latchkey-account": accountId }) };
  };
  const maker = { app, owner: current, file, next: () => (made += 1) };
  const words = { ...placeholders(maker), ...peoplePlaceholders(maker), ...accountPlaceholders(maker) };
  const run: CliScene["run"] = (args, input = {}) =>
    runCli(args, { ...input, env: { ...env, ...input.env } });
  const passwordFile = file("password", `${password}\n`);
  const login = await run(["login", "--email", owner.email, "--password-file", passwordFile]);
  if (login.code !== 0) throw new Error(login.stderr);
  return {
    owner,
    url,
    directory,
    env,
    run,
    file,
    async filled(line) {
      let text = line;
      for (const word of new Set(line.match(/\b[A-Z]+(?:_[A-Z]+)*\b/g))) {
        const make = (words as Record<string, (() => string | Promise<string>) | undefined>)[word];
        if (make) text = text.replaceAll(new RegExp(`\\b${word}\\b`, "g"), await make());
      }
      return text;
    },
  };
}

// What the words in capitals of an example stand for. Each use gets a new one.
function placeholders({ owner, file, next }: Maker): Record<string, () => string | Promise<string>> {
  const newKey = async (spec = {}) =>
    issueKey(await owner(), { metadata: { name: `key ${next()}`, labels: { env: "staging" } }, spec });
  return {
    EMAIL: async () => (await owner()).email,
    NEW_EMAIL: newEmail,
    PASSWORD_FILE: () => file("password", `${password}\n`),
    TOKEN_FILE: async () =>
      file(`token${next()}`, `${(await newKey({ permissions: ["agents:read"] })).token}\n`),
    KEY_ID: async () => (await newKey()).id,
    OTHER_KEY_ID: async () => (await newKey()).id,
    WORKSPACE_ID: async () => newWorkspace(await owner(), `workspace ${next()}`),
    ACCOUNT_ID: async () => (await owner()).account.metadata?.id ?? "",
    PROFILE_ID: async () => (await owner()).profile.metadata?.id ?? "",
  };
}
