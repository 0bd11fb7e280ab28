import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { newSession } from "../support/actors/actors.ts";
import { issueKey, password } from "../support/app.ts";
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

interface Answer {
  status: number;
  body: object | string;
}

const isApiDocument = (path: string) => path === "/openapi.json";

/** Serves one answer to every request, as a server of another kind or version would. No answer closes the connection. */
async function otherServer(answer: (path: string) => Answer | undefined): Promise<string> {
  const server = createServer((request, response) => {
    const given = answer(request.url ?? "");
    if (!given) return void request.socket.destroy();
    const { status, body } = given;
    const isJson = typeof body === "object";
    response.writeHead(status, { "content-type": isJson ? "application/json" : "text/html" });
    response.end(isJson ? JSON.stringify(body) : body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("login keeps the session in a file that only its owner can read, and logout ends and removes it", async () => {
  const { file, ...env } = newHome();
  const login = await scene.run(["login", "--email", scene.owner.email], { env, answers: [password] });
  expect(login, login.stderr).toMatchObject({ code: 0, stdout: "" });
  expect(login.stderr).not.toContain(password);
  expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
  const { servers } = JSON.parse(readFileSync(file, "utf8"));
  const { token, account } = servers[scene.url];
  expect(account).toBe(scene.owner.account.metadata?.id);
  // Without --url, a later command calls the server of the last login.
  expect(await scene.run(["whoami", "--quiet"], { env: { ...env, LATCHKEY_URL: "" } })).toMatchObject({
    code: 0,
  });
  expect(await scene.run(["logout"], { env })).toMatchObject({ code: 0 });
  expect(existsSync(file)).toBe(false);
  await expect(app.clientAs(token).profiles.whoAmI({})).rejects.toThrow();
});

test("login keeps the token of a key only if the server accepts it, and logout does not revoke it", async () => {
  const { file, ...env } = newHome();
  const key = await issueKey(scene.owner);
  expect(
    await scene.run(["login", "--token-file", "-"], { env, stdin: `${key.token.slice(0, -1)}?` }),
  ).toMatchObject({ code: 1 });
  expect(existsSync(file)).toBe(false);
  expect(await scene.run(["login", "--token-file", "-"], { env, stdin: key.token })).toMatchObject({
    code: 0,
  });
  expect((await scene.run(["whoami", "--quiet"], { env })).stdout).toBe(`${key.id}\n`);
  expect(await scene.run(["logout"], { env })).toMatchObject({ code: 0 });
  await app.clientAs(key.token).profiles.whoAmI({});
});

test("a token of the environment comes before that of a file, and that before the kept one", async () => {
  const [first, second] = [await issueKey(scene.owner), await issueKey(scene.owner)];
  const tokenFile = scene.file("second", second.token);
  const whoami = async (args: string[], env = {}) =>
    (await scene.run(["whoami", "--quiet", ...args], { env })).stdout.trim();
  expect(await whoami(["--token-file", tokenFile], { LATCHKEY_TOKEN: first.token })).toBe(first.id);
  expect(await whoami(["--token-file", tokenFile])).toBe(second.id);
  expect(await whoami([])).not.toBe(second.id);
});

test("a token of the environment is never sent to the server of the last login", async () => {
  const { file: _, ...env } = newHome();
  const seen: string[] = [];
  const url = await otherServer((path) => {
    seen.push(path);
    return isApiDocument(path) ? undefined : { status: 404, body: {} };
  });
  mkdirSync(join(env.XDG_CONFIG_HOME, "latchkey"), { recursive: true, mode: 0o700 });
  const kept = { current: url, servers: { [url]: { token: "kept" } } };
  writeFileSync(join(env.XDG_CONFIG_HOME, "latchkey", "credentials.json"), JSON.stringify(kept), {
    mode: 0o600,
  });
  await scene.run(["whoami"], { env: { ...env, LATCHKEY_URL: "" } });
  expect(seen.length).toBeGreaterThan(0);
  seen.length = 0;
  await scene.run(["whoami"], { env: { ...env, LATCHKEY_URL: "", LATCHKEY_TOKEN: "mine" } });
  expect(seen).toEqual([]);
});

test("a credential file that others can open is refused, and so is one that is no credential file", async () => {
  const { file, ...env } = newHome();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, '{"servers":{"x":{"token":"lk_ses_secret', { mode: 0o600 });
  const broken = await scene.run(["whoami"], { env });
  expect(broken).toMatchObject({
    code: 1,
    stderr: `latchkey: ${file} is not a credential file; move it away and log in again\n`,
  });
  for (const mode of [0o640, 0o604, 0o666]) {
    chmodSync(file, mode);
    const { code, stderr } = await scene.run(["whoami"], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^latchkey: other users can open .* \(mode 06[046][046]\); run `chmod 600 [^\n]*\n$/,
    );
  }
});

const lines: [
  what: string,
  prepare: () => Promise<{ args: string[]; env?: Record<string, string> }>,
  code: number,
  line: RegExp,
][] = [
  [
    "no credential",
    async () => ({ args: ["whoami"], env: { XDG_CONFIG_HOME: newHome().XDG_CONFIG_HOME } }),
    1,
    /^latchkey: no credential for http:\S+; run `latchkey login`, or set LATCHKEY_TOKEN\n$/,
  ],
  [
    "an ended session",
    async () => {
      const token = await newSession(app, scene.owner.email);
      await app.clientAs(token).sessions.logOut({});
      return { args: ["whoami"], env: { LATCHKEY_TOKEN: token } };
    },
    1,
    /^latchkey: [^\n]* \(the token of LATCHKEY_TOKEN\); log in again with `latchkey login`\n$/,
  ],
  [
    "no server",
    async () => ({ args: ["whoami", "--url", "http://127.0.0.1:1"], env: { LATCHKEY_TOKEN: "x" } }),
    3,
    /^latchkey: cannot reach http:\/\/127\.0\.0\.1:1: the connection was refused\n$/,
  ],
  [
    "a server of another version",
    async () => {
      const url = await otherServer((path) =>
        path === "/openapi.json"
          ? { status: 200, body: { info: { title: "Latchkey", version: "0.0.1" } } }
          : { status: 404, body: { code: "unimplemented", message: "no RPC has this path" } },
      );
      return { args: ["whoami", "--url", url], env: { LATCHKEY_TOKEN: "x" } };
    },
    1,
    /^latchkey: the server at \S+ is Latchkey 0\.0\.1 and does not know this call of Latchkey \d+\.\d+\.\d+: [^\n]*\n$/,
  ],
  [
    "a server of another kind",
    async () => {
      const url = await otherServer((path) =>
        isApiDocument(path) ? undefined : { status: 404, body: "<p>not here" },
      );
      return { args: ["whoami", "--url", url], env: { LATCHKEY_TOKEN: "x" } };
    },
    1,
    /^latchkey: the server at \S+ does not know this call: it is not a Latchkey server, or [^\n]*\n$/,
  ],
  [
    "a wrong address",
    async () => ({ args: ["whoami", "--url", "keys.example.com"] }),
    2,
    /^latchkey: expected an address such as https:[^\n]*\n$/,
  ],
  [
    "a missing file",
    async () => ({ args: ["whoami", "--token-file", "/nowhere/token"] }),
    1,
    /^latchkey: \/nowhere\/token does not exist\n$/,
  ],
  [
    "a question without a terminal",
    async () => ({ args: ["login"] }),
    2,
    /^latchkey: there is no terminal to ask "E-mail address", so an option must have it; run `latchkey login --help`\n$/,
  ],
];

test.each(lines)("%s is one clear line with its exit code", async (_, prepare, code, line) => {
  const { args, env = {} } = await prepare();
  const end = await scene.run(args, { env });
  expect(end).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(line) });
});

test("a self-signed certificate is refused with a line that names --ca, and --ca accepts it", async () => {
  const tls = selfSigned();
  const port = await openTestPort({ handler: app.app.handler, plain: app.app.plain, tls });
  const key = await issueKey(scene.owner);
  const env = { LATCHKEY_TOKEN: key.token, LATCHKEY_URL: port.url.replace("http:", "https:") };
  const refused = await scene.run(["whoami"], { env });
  expect(refused).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/self-signed; name the certificate of its authority with --ca FILE\n$/),
  });
  const ca = scene.file("ca.pem", tls.cert.toString());
  expect(await scene.run(["whoami", "--quiet", "--ca", ca], { env })).toMatchObject({
    code: 0,
    stdout: `${key.id}\n`,
  });
});

test("with --json, a refusal is one line of JSON on stderr", async () => {
  const end = await scene.run(["key", "get", "key_00000000000000000000000000", "--json"]);
  expect(end).toMatchObject({ code: 1, stdout: "" });
  expect(JSON.parse(end.stderr)).toMatchObject({
    reason: "NOT_FOUND",
    message: expect.any(String),
    violations: [],
  });
});

test("control characters in names of others are shown escaped", async () => {
  const { stdout } = await scene.run(["key", "create", "--name", "a\u202eb\u009bc"], { answers: [] });
  expect(stdout).toMatch(/name +a\\u202eb\\x9bc\n/);
  const list = await scene.run(["key", "list"], { answers: [], columns: 200 });
  expect(list.stdout).toContain("a\\u202eb\\x9bc");
});

test("colour appears only on a terminal without NO_COLOR, and tables fit its width", async () => {
  const colour = "\u001b[";
  await issueKey(scene.owner, {
    metadata: { name: "a long name ".repeat(8).trim(), labels: { env: "staging" } },
  });
  const at = (columns: number, env = {}) => scene.run(["key", "list"], { answers: [], columns, env });
  expect((await at(100)).stdout).toContain(colour);
  expect((await at(100, { NO_COLOR: "1" })).stdout).not.toContain(colour);
  expect((await scene.run(["key", "list"])).stdout).not.toContain(colour);
  for (const line of (await at(100, { NO_COLOR: "1" })).stdout.split("\n"))
    expect(line.length).toBeLessThanOrEqual(100);
});
