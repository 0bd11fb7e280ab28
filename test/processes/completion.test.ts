import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { completionScript } from "../../src/cli/completion.ts";
import { allCommands } from "../../src/cli/table.ts";
import { openPty } from "../support/cli/pty.ts";
import { skipWithout } from "../support/missing-program.ts";
import { scratchDirectory } from "../support/server/scratch.ts";

const commands = (await allCommands()).flatMap((group) => group.commands);
const folder = scratchDirectory("completion");
afterAll(() => rmSync(folder, { recursive: true }));
for (const shell of ["bash", "zsh", "fish"] as const)
  writeFileSync(join(folder, `_${shell}`), completionScript(shell, commands));

/** What a person types, and the only word that can follow. */
const cases: [typed: string, last: string][] = [
  ["latchkey ke", "key"],
  ["latchkey key re", "revoke"],
  ["latchkey --json --url http://x key ro", "rotate"],
  ["latchkey -q key li", "list"],
  ["latchkey key create --envi", "--environment"],
  ["latchkey key create --environment t", "test"],
  ["latchkey key create --name list --k", "--kind"],
  ["latchkey key rotate --out _ba", "_bash"],
  ["latchkey completion z", "zsh"],
  // Each command is known, with the options of every command.
  ...commands.map(({ path }): [string, string] => [`latchkey ${path.join(" ")} --hel`, "--help"]),
];

test("bash completes commands, options, values and files", () => {
  const lines = cases.map(([line]) => {
    const words = line.split(" ");
    const typed = words.map((word) => `'${word}'`).join(" ");
    // Readline completes a file if the script offers nothing.
    const offered = `"\${COMPREPLY[@]:-$(compgen -f -- '${words.at(-1)}')}"`;
    return `COMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _latchkey; echo ${offered}`;
  });
  const program = ["source ./_bash", ...lines].join("\n");
  const output = execFileSync("bash", ["--norc", "-c", program], { cwd: folder, encoding: "utf8" });
  expect(output.trim().split("\n")).toEqual(cases.map(([, last]) => last));
});

test("zsh completes them at a terminal, from a directory of $fpath", async (context) => {
  await skipWithout(context, "zsh", ["-fc", "autoload compinit"], "apt-get install zsh");
  writeFileSync(join(folder, "_latchkey"), completionScript("zsh", commands));
  const settings = [
    "PS1='ready> '",
    `fpath=('${folder}' $fpath)`,
    "autoload -Uz compinit && compinit -u -D",
    "setopt no_auto_list no_beep",
    "latchkey() { print -r -- completed: latchkey $@ }",
  ];
  writeFileSync(join(folder, ".zshrc"), settings.join("\n"));
  const env = { PATH: process.env.PATH ?? "", HOME: folder, ZDOTDIR: folder, TERM: "dumb" };
  const zsh = openPty("zsh -i", { cwd: folder, env });
  await zsh.said("ready> ");
  for (const [typed, last] of cases) {
    zsh.type(`${typed}\t\r`);
    const whole = [...typed.split(" ").slice(0, -1), last].join(" ");
    await zsh.said(`completed: ${whole}\r\n`);
    await zsh.said("ready> ");
  }
  zsh.type("exit\r");
  expect((await zsh.ended).code).toBe(0);
});

test("fish completes them", async (context) => {
  await skipWithout(context, "fish", ["--no-config", "-c", "true"], "apt-get install fish");
  const lines = cases.map(([typed]) => `complete -C '${typed}' | string split -f1 \\t | string join ' '`);
  const program = ["source ./_fish", ...lines, "exit 0"].join("\n");
  const options = { cwd: folder, encoding: "utf8", env: { ...process.env, HOME: folder } } as const;
  const output = execFileSync("fish", ["--no-config", "-c", program], options);
  expect(output.trim().split("\n")).toEqual(cases.map(([, last]) => last));
});

test("names in the scripts are plain words, so that no shell interprets them", () => {
  for (const { path, arguments: all = [], options = {} } of commands) {
    const values = [...all, ...Object.values(options)].flatMap(({ choices = [] }) => choices);
    for (const word of [...path, ...Object.keys(options), ...values]) expect(word).toMatch(/^[\w-]+$/);
  }
});
