import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SessionService, SignUpRequestSchema } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { curlOf } from "../../src/cli/try/curl.ts";
import { requireLoopback, tryLatchkey } from "../../src/cli/try/try.ts";
import { createClient } from "../../src/client/client.ts";
import { issueKey } from "../support/app.ts";
import { serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const run = promisify(execFile);

/** Runs the command against the app, and returns what it wrote. */
async function tryApp(verifier?: { token: string; source: string }) {
  const { url } = await serve(app);
  const written: string[] = [];
  const clientOf = (token?: string) => createClient({ url, token });
  const tried = await tryLatchkey({ url, clientOf, verifier, write: (text) => void written.push(text) });
  return { url, tried, written: written.join("") };
}

/** Issues a key that may verify every token, as the data directory has one. */
async function newVerifier() {
  const platform = app.clientAs(app.platformToken);
  return (await issueKey(platform, { spec: { permissions: ["tokens:verify"] } })).token;
}

test("a key is valid before it is revoked and refused afterwards, and no secret is written", async () => {
  const verifier = { token: await newVerifier(), source: ".latchkey/verifier-key" };
  const { tried, written } = await tryApp(verifier);
  expect(tried).toEqual({
    accountId: expect.stringMatching(/^acct_/),
    keyId: expect.stringMatching(/^key_/),
    verdicts: ["VERDICT_VALID", "VERDICT_REVOKED"],
  });
  expect(written).toContain("$VERIFIER is the content of .latchkey/verifier-key");
  expect(written).not.toMatch(/lk_[a-z]+_|Bearer [^$]/);
});

test("without the key of a verifier, the new owner verifies the key", async () => {
  const { tried, written } = await tryApp();
  expect(tried.verdicts).toEqual(["VERDICT_VALID", "VERDICT_REVOKED"]);
  expect(written).not.toContain("$VERIFIER");
});

test("the key of another server's verifier is an error that names its file", async () => {
  const verifier = { token: "lk_live_nonsense", source: "/there/verifier-key" };
  await expect(tryApp(verifier)).rejects.toThrow(
    /refuses the key in \/there\/verifier-key \(INVALID_API_KEY\)/,
  );
});

test("the commands that it shows do the same in bash, and no token is an argument of a program", async () => {
  const { url, tried, written } = await tryApp();
  const [signUp = "", issue = "", verify = "", revoke = "", again = ""] =
    written.match(/^ {3}curl .*$/gm) ?? [];
  expect(again).toBe(verify);
  const script = `
    field() { grep -o "\\"$1\\":\\"[^\\"]*\\"" | head -1 | cut -d'"' -f4; }
    PASSWORD='correct horse battery'
    SESSION=$(${signUp.replace(/try-\w+@/, "again@")} | field token)
    MADE=$(${issue})
    KEY=$(echo "$MADE" | field token)
    ${verify} | field verdict
    ${revoke.replace(tried.keyId, '$(echo "$MADE" | field id)')} | field state
    ${verify} | field verdict
    echo "$KEY"`;
  const { stdout, stderr } = await run("bash", ["-xeuo", "pipefail", "-c", script]);
  const [first, state, last, token = ""] = stdout.trim().split("\n");
  expect([first, state, last]).toEqual(["VERDICT_VALID", "API_KEY_STATE_REVOKED", "VERDICT_REVOKED"]);
  // The shell traces the arguments of each program that it starts.
  const started = stderr.split("\n").filter((line) => /^\++ curl /.test(line));
  expect(started.length).toBe(5);
  expect(started.join("\n")).not.toContain(token);
  expect(url).toMatch(/^http:\/\/127/);
});

test("without --url, a server that is not on this machine is refused", () => {
  for (const url of ["http://127.0.0.1:8080", "http://localhost", "https://[::1]:1", "http://127.1.2.3"])
    requireLoopback(url);
  for (const url of [
    "https://keys.example.com",
    "http://10.0.0.1",
    "http://127.0.0.1.example.com",
    "http://[::2]",
  ])
    expect(() => requireLoopback(url)).toThrow(/not on this machine.*--url/);
});

test("every text survives the shell, and nothing in it is expanded", async () => {
  const names = [
    ...fc.sample(fc.string({ unit: "grapheme", minLength: 1 }), 60),
    "$HOME `id` $(id) \\ \" ' !",
    "$KEY",
  ];
  const method = SessionService.method.signUp;
  const clean = names.map((name) => name.replaceAll("\0", ""));
  const lines = clean.map((name) => curlOf("http://h", { method, request: { name, password: "$PASSWORD" } }));
  // The body is written by a shell, as a process substitution. cat shows it.
  const bodies = lines.map((line) => line.replace(/^curl -sS --json @(.*) http:.*$/s, "cat $1; echo"));
  const env = { PATH: process.env.PATH, PASSWORD: "pass", KEY: "expanded" };
  const { stdout } = await run("bash", ["-euc", bodies.join("\n")], { env });
  const shown = stdout
    .trim()
    .split(/\n+/)
    .map((line) => JSON.parse(line));
  expect(shown).toEqual(
    clean.map((name) => ({ password: "pass", name: name === "$KEY" ? "expanded" : name })),
  );
  expect(create(SignUpRequestSchema, shown[0]).password).toBe("pass");
});

test("a call without variables is one quoted argument, and a path has its ids encoded", () => {
  const request = { name: "it's" };
  expect(curlOf("http://h", { method: SessionService.method.signUp, request })).toBe(
    `curl -sS --json '{"name":"it'\\''s"}' http://h/v1/auth/signup`,
  );
  expect(curlOf("http://h", { method: TokenService.method.verifyToken, request: { token: "$KEY" } })).toBe(
    'curl -sS --json @<(echo "{\\"token\\":\\"$KEY\\"}") http://h/v1/tokens:verify',
  );
});
