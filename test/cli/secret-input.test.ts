import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, createWriteStream } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { issueKey, password } from "../support/app.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const scene = useCliScene(app);
const main = join(import.meta.dirname, "..", "..", "bin", "latchkey.js");

test("an empty LATCHKEY_TOKEN is refused, and is neither the stored login nor no credential", async () => {
  const env = { LATCHKEY_TOKEN: "" };
  for (const args of [
    ["whoami"],
    ["key", "list", "--json"],
    ["whoami", "--token-file", scene.file("good", "t")],
    ["login", "--email", scene.owner.email, "--password-file", scene.file("password", password)],
    ["user", "request-reset", scene.owner.email],
  ]) {
    expect(await scene.run(args, { env }), args.join(" ")).toEqual({
      code: 2,
      stdout: "",
      stderr: "latchkey: LATCHKEY_TOKEN is empty; set it to a token, or unset it to use another credential\n",
    });
  }
});

const noToken: [what: string, content: string, line: RegExp][] = [
  ["nothing", "", /^latchkey: \S+ is empty: expected a secret\n$/],
  ["line breaks", "\n\r\n", /^latchkey: \S+ is empty: expected a secret\n$/],
  ["a space", " \n", /^latchkey: \S+ has no token: expected one word of printable ASCII characters\n$/],
  ["two words", "lk live\n", /^latchkey: \S+ has no token: expected one word/],
  ["two lines", "one\ntwo\n", /^latchkey: \S+ must have one line, with the secret and nothing else\n$/],
];

test.each(noToken)("a --token-file with %s is refused with one line", async (_, content, line) => {
  const file = scene.file("wrong-token", content);
  const end = await scene.run(["whoami", "--token-file", file]);
  expect(end).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(line) });
  const env = { LATCHKEY_TOKEN: content };
  if (content.trim() === "" && content !== "")
    expect(await scene.run(["whoami"], { env })).toMatchObject({
      code: 1,
      stderr: "latchkey: LATCHKEY_TOKEN has no token: expected one word of printable ASCII characters\n",
    });
});

test("a file with a token or a password that other users can open is refused", async () => {
  const { token } = await issueKey(scene.owner);
  const secrets: [string, string[]][] = [
    [scene.file("wide-token", token), ["whoami", "--token-file"]],
    [scene.file("wide-login", token), ["login", "--token-file"]],
    [scene.file("wide-password", password), ["login", "--email", scene.owner.email, "--password-file"]],
  ];
  for (const [file, args] of secrets) {
    for (const mode of [0o640, 0o604, 0o622]) {
      chmodSync(file, mode);
      expect(await scene.run([...args, file]), args.join(" ")).toEqual({
        code: 1,
        stdout: "",
        stderr: `latchkey: other users can open ${file} (mode 0${mode.toString(8)}); run \`chmod 600 ${file}\`, and replace the secret if they may have read it\n`,
      });
    }
    chmodSync(file, 0o400);
    expect(await scene.run([...args, file], { env: { XDG_CONFIG_HOME: scene.directory } })).toMatchObject({
      code: 0,
    });
  }
  // The token under examination, such as one from a log, may be in a file that others can open.
  const found = scene.file("found", token);
  chmodSync(found, 0o644);
  expect((await scene.run(["token", "check", "--file", found])).code).toBe(0);
});

test("a --token-file without an end is refused before it fills the memory", async () => {
  expect(await scene.run(["whoami", "--token-file", "/dev/zero"])).toEqual({
    code: 1,
    stdout: "",
    stderr: "latchkey: /dev/zero is too long\n",
  });
  expect(await scene.run(["whoami", "--token-file", scene.file("long", "x".repeat(600_000))])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is too long/),
  });
  expect(await scene.run(["whoami", "--token-file", scene.directory])).toMatchObject({
    code: 1,
    stderr: `latchkey: cannot read ${scene.directory}: EISDIR\n`,
  });
});

test("--token-file reads a named pipe", async () => {
  const { id, token } = await issueKey(scene.owner);
  const pipe = join(scene.directory, "pipe");
  // Others may write to it, but only one process reads what the other end writes.
  execFileSync("mkfifo", ["-m", "0644", pipe]);
  const writer = createWriteStream(pipe);
  writer.end(`${token}\n`);
  expect((await scene.run(["whoami", "--quiet", "--token-file", pipe])).stdout).toBe(`${id}\n`);
});

test("--token-file reads /dev/stdin, the output of a process and a file descriptor that the shell opened", async () => {
  const { id, token } = await issueKey(scene.owner);
  const wide = scene.file("mounted", token);
  chmodSync(wide, 0o644);
  const whoami = `'${process.execPath}' '${main}' whoami --quiet --token-file`;
  const commands = [
    `echo "$KEY" | ${whoami} /dev/stdin`,
    `${whoami} /dev/stdin < '${wide}'`,
    `${whoami} <(echo "$KEY")`,
    `${whoami} /dev/fd/7 7< '${wide}'`,
  ];
  const shell = spawn("bash", ["-c", commands.join("\n")], {
    env: { ...process.env, ...scene.env, KEY: token },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  shell.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  await once(shell, "close");
  expect(output.trim().split("\n")).toEqual(commands.map(() => id));
});
