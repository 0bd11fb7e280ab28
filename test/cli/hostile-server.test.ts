import type { Buffer } from "node:buffer";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough, Writable } from "node:stream";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { ApiKeySchema } from "../../gen/latchkey/v1/api_key_pb.ts";
import {
  CreateApiKeyResponseSchema,
  ListApiKeysResponseSchema,
} from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { WhoAmIResponseSchema } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { VerifyTokenResponseSchema } from "../../gen/latchkey/v1/token_service_pb.ts";
import { execute } from "../../src/cli/run.ts";
import { runCli } from "../support/cli/run-cli.ts";

// An escape sequence, a C1 one, one that turns the text around, a tag character, a line break and a half of a character.
const evil = "a\u001b[31m\u009b2J\u202e\u{e0041}\nb\ud800";
const dangerous = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Starts a server that gives one answer, and returns the environment of its caller. */
async function serverOf(answer: (response: ServerResponse) => void) {
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === "/openapi.json") return void response.writeHead(404).end();
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { LATCHKEY_URL: url, LATCHKEY_TOKEN: "secret", XDG_CONFIG_HOME: "/nonexistent" };
}

const binary = (bytes: Uint8Array) => (response: ServerResponse) =>
  void response.writeHead(200, { "content-type": "application/proto" }).end(bytes);

const refusal = (message: string) => (response: ServerResponse) =>
  void response
    .writeHead(400, { "content-type": "application/json" })
    .end(JSON.stringify({ code: "invalid_argument", message }));

const list = (init: MessageInitShape<typeof ListApiKeysResponseSchema>) =>
  binary(toBinary(ListApiKeysResponseSchema, create(ListApiKeysResponseSchema, init)));

const key = { metadata: { id: evil, name: evil, labels: { [evil]: evil } }, etag: evil };

const answers: [command: string, answer: (response: ServerResponse) => void][] = [
  ["key list", list({ items: [key] })],
  [
    "whoami",
    binary(
      toBinary(
        WhoAmIResponseSchema,
        create(WhoAmIResponseSchema, { principal: { keyId: evil, keyName: evil, permissions: [evil] } }),
      ),
    ),
  ],
  [
    "verify",
    binary(
      toBinary(
        VerifyTokenResponseSchema,
        create(VerifyTokenResponseSchema, {
          valid: true,
          metadata: { [evil]: evil },
          principal: { keyId: evil },
        }),
      ),
    ),
  ],
  ["key list", refusal(evil)],
];

test.each(
  answers.flatMap(([command, answer]) =>
    ["", "--json", "--quiet"].map((form) => [command, form, answer] as const),
  ),
)("no text of a server reaches the terminal as a control character: %s %s", async (command, form, answer) => {
  const env = await serverOf(answer);
  // The bytes of half a character are not in the protocol: the server sends U+FFFD.
  const args = [...command.split(" "), ...(form ? [form] : [])];
  const { stdout, stderr } = await runCli(args, { env, stdin: "token" });
  const output = stdout + stderr;
  expect(output).toContain("[31m");
  expect(output.replaceAll("\n", "")).not.toMatch(dangerous);
  expect(output).not.toContain("\nb");
  if (form === "--json") expect(JSON.stringify(JSON.parse(output))).toContain("[31m");
});

test("a refusal of any length is a short line, and so is its JSON", async () => {
  for (const message of ["x".repeat(5_000_000), `token":"${"a\\b".repeat(3_000_000)}`]) {
    const env = await serverOf(refusal(message));
    for (const form of [[], ["--json"]]) {
      const { code, stderr } = await runCli(["key", "list", ...form], { env });
      expect(code).toBe(1);
      expect(stderr.length).toBeLessThan(5_000);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    }
  }
});

test("a list with more keys than a call can have arguments is shown, and so is a time of no calendar", async () => {
  const items = Array.from({ length: 150_000 }, (_, n) => ({ metadata: { id: `key_${n}` } }));
  const env = await serverOf(list({ items: [...items, { spec: { expiresAt: { seconds: 2n ** 62n } } }] }));
  const { code, stdout, stderr } = await runCli(["key", "list", "--all"], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.split("\n")).toHaveLength(150_003);
  expect(stdout).toContain(`${2n ** 62n} s`);
});

test("a name of marks without a width does not fill the terminal", async () => {
  const name = `e${"\u0301".repeat(200_000)}`;
  const env = await serverOf(list({ items: [{ metadata: { id: "key_1", name } }] }));
  const { stdout } = await runCli(["key", "list"], { env, answers: [] });
  expect(stdout.length).toBeLessThan(2_000);
});

test("a command stops with an error if the server sends empty pages without an end", async () => {
  const env = await serverOf(list({ pagination: { nextCursor: "again" } }));
  const { code, stderr } = await runCli(["key", "list"], { env });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "latchkey: the server sends empty pages without an end\n",
  });
});

test("a redirection gets no second request with the token, and the line names the address", async () => {
  const seen: (string | undefined)[] = [];
  const other = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end();
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void other.close().closeAllConnections());
  const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
  const env = await serverOf((response) => void response.writeHead(307, { location }).end());
  const { code, stderr } = await runCli(["key", "list"], { env });
  expect(code).toBe(1);
  expect(stderr).toContain(
    `the response of ${env.LATCHKEY_URL} does not come from a Latchkey server, so check the address: HTTP 307`,
  );
  expect(seen).toEqual([]);
});

/** Runs a command whose output fails with this error of the system. */
async function runInto(code: string, args: readonly string[], env: Record<string, string>) {
  let stderr = "";
  const stdout = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
  }).on("error", () => {});
  const errors = new Writable({
    write(chunk: Buffer, _, done) {
      stderr += chunk;
      done();
    },
  });
  const world = { env, stdin: new PassThrough().end(), stdout, stderr: errors, onInterrupt: () => () => {} };
  return { exit: await execute(args, world), stderr: () => stderr };
}

test("a result that cannot be written is a failure, and a reader that has ended is one only if the result has a token", async () => {
  const listed = await serverOf(list({ items: [{ metadata: { id: "key_1" } }] }));
  const full = await runInto("ENOSPC", ["key", "list"], listed);
  expect({ exit: full.exit, stderr: full.stderr() }).toEqual({
    exit: 1,
    stderr: "latchkey: the result could not be written (ENOSPC)\n",
  });
  expect((await runInto("EPIPE", ["key", "list"], listed)).exit).toBe(0);
  const apiKey = create(ApiKeySchema, { metadata: { id: "key_1" }, spec: { token: "t" } });
  const minted = await serverOf(
    binary(toBinary(CreateApiKeyResponseSchema, create(CreateApiKeyResponseSchema, { apiKey }))),
  );
  const lost = await runInto("EPIPE", ["key", "create", "--name", "x"], minted);
  expect(lost.exit).toBe(1);
  expect(lost.stderr()).toContain("its token is lost: mint another one");
});
