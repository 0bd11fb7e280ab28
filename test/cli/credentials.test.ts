import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { password } from "../support/app.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { openTestPort, selfSigned } from "../support/net/net.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const scene = useCliScene(app);
let homes = 0;

/** The environment of a user without a credential. */
function newHome(): { XDG_CONFIG_HOME: string; file: string } {
  const XDG_CONFIG_HOME = join(scene.directory, `home${++homes}`);
  return { XDG_CONFIG_HOME, file: join(XDG_CONFIG_HOME, "latchkey", "credentials.json") };
}

test("two shells that log in at the same time at two servers both keep their tokens", async () => {
  const { file, XDG_CONFIG_HOME } = newHome();
  const program = `
    import { openCredentials } from ${JSON.stringify(join(import.meta.dirname, "../../src/cli/credentials.ts"))};
    const store = openCredentials(process.env);
    for (let n = 0; n < 20; n++) store.set(process.argv[1] + n, { token: "t" });`;
  const urls = ["http://a/", "http://b/", "http://c/"];
  const ends = urls.map(async (url) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, url], {
      env: { XDG_CONFIG_HOME },
      stdio: "inherit",
    });
    expect(await once(child, "close")).toEqual([0, null]);
  });
  await Promise.all(ends);
  expect(Object.keys(JSON.parse(readFileSync(file, "utf8")).servers)).toHaveLength(60);
  expect(readdirSync(dirname(file))).toEqual(["credentials.json"]);
});

test("a lock of a command that was killed does not stop later ones", async () => {
  const { file, ...env } = newHome();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.lock`, "");
  utimesSync(`${file}.lock`, 0, 0);
  const login = await scene.run(["login", "--email", scene.owner.email], { env, answers: [password] });
  expect(login).toMatchObject({ code: 0 });
});

test("a login whose session could not be kept makes no session", async () => {
  const { file, ...env } = newHome();
  mkdirSync(dirname(file), { recursive: true });
  chmodSync(dirname(file), 0o720);
  const count = async () => (await scene.owner.sessions.listSessions({})).items.length;
  const before = await count();
  const login = await scene.run(["login", "--email", scene.owner.email], { env, answers: [password] });
  expect(login).toMatchObject({ code: 1, stderr: expect.stringContaining("other users can write to") });
  expect(await count()).toBe(before);
});

test("login keeps the complete path of --ca, because another directory may have a file of the same name", async () => {
  const { file, ...env } = newHome();
  const { cert, key } = selfSigned();
  const port = await openTestPort({ handler: app.app.handler, plain: app.app.plain, tls: { cert, key } });
  const ca = relative(process.cwd(), scene.file("relative.pem", String(cert)));
  const args = ["login", "--url", port.url, "--ca", ca, "--email", scene.owner.email];
  expect(await scene.run(args, { env, answers: [password] })).toMatchObject({ code: 0 });
  const { servers } = JSON.parse(readFileSync(file, "utf8"));
  expect(servers[port.url].ca).toBe(join(scene.directory, "relative.pem"));
});

test("a password or token for another machine over plain HTTP is announced, with --quiet too", async () => {
  const { file, ...env } = newHome();
  const warning = "warning: http://nowhere.invalid is plain HTTP, so others on the network can read";
  const commands = [
    ["login", "--email", "ada.credentials@example.com", "--password-file", scene.file("password", password)],
    ["token", "revoke", "--yes", "--quiet", "--file", scene.file("found", "a-token")],
  ];
  for (const args of commands) {
    const { stderr } = await scene.run([...args, "--url", "http://nowhere.invalid"], { env });
    expect(stderr.split(warning)).toHaveLength(2);
  }
  expect(existsSync(file)).toBe(false);
});

test("stdin without an end is refused before it fills the memory", async () => {
  const { code, stderr } = await scene.run(["token", "check"], { stdin: "x\n".repeat(1_000_000) });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "latchkey: stdin is too long\n",
  });
});
