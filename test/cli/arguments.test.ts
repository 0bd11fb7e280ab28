import fc from "fast-check";
import { expect, test } from "vitest";
import { readArguments } from "../../src/cli/arguments.ts";
import { type Command, command } from "../../src/cli/command.ts";
import { allCommands, commandTable } from "../../src/cli/table.ts";
import { runCli } from "../support/cli/run-cli.ts";

const examples: Command["examples"] = [];
const commands: Command[] = [
  command({
    path: ["pet", "feed"],
    summary: "feed pets",
    arguments: [{ name: "pet_id", summary: "the pets", many: true }],
    options: {
      food: { value: "NAME", choices: ["hay", "fish"], required: true, summary: "what" },
      label: { value: "NAME=VALUE", many: true, summary: "labels" },
      slow: { short: "s", summary: "slowly" },
    },
    examples,
    rpcs: [],
    async run() {},
  }),
  command({ path: ["pet", "list"], summary: "list pets", examples, rpcs: [], async run() {} }),
  command({ path: ["purr"], summary: "purr", examples, rpcs: [], async run() {} }),
];
const table = {
  words: ["pet", "purr"],
  load: async (word: string) => commands.filter(({ path }) => path[0] === word),
};
const read = (line: string) => readArguments(table, line.split(" ").filter(Boolean));

test("the words find the command, and options may stand anywhere", async () => {
  const lines = [
    "pet feed a b --food hay --label x=1 --label y=2 -s --json",
    "--json pet feed -s a --label x=1 b --label=y=2 --food=hay",
    "pet --json feed --food hay --slow --label x=1 --label y=2 -- a b",
  ];
  for (const line of lines) {
    expect(await read(line), line).toMatchObject({
      kind: "run",
      command: { path: ["pet", "feed"] },
      input: { pet_id: ["a", "b"], food: "hay", label: ["x=1", "y=2"], slow: true },
      globals: { json: true, quiet: false, url: undefined },
    });
  }
  expect(await read("--url http://pet purr")).toMatchObject({ globals: { url: "http://pet" } });
});

const helps: [line: string, words: string[]][] = [
  ["", []],
  ["--help", []],
  ["help", []],
  ["pet --help", ["pet"]],
  ["pet feed -h", ["pet", "feed"]],
  ["help pet feed", ["pet", "feed"]],
  ["pet feed --food nonsense --help", ["pet", "feed"]],
];

test.each(helps)("`latchkey %s` asks for help", async (line, words) => {
  expect(await read(line)).toEqual({ kind: "help", words });
});

const wrong: [line: string, message: RegExp][] = [
  ["pte", /^unknown command "pte", did you mean "pet"\?; run `latchkey --help`$/],
  ["pet fed", /^unknown command "pet fed", did you mean "feed"\?; run `latchkey pet --help`$/],
  ["pet", /^expected a command after "pet": feed, list; run `latchkey pet --help`$/],
  ["--json", /^expected a command; /],
  ["pet feed a", /^--food NAME is missing; run `latchkey pet feed --help`$/],
  ["pet feed --food hay", /^PET_ID is missing/],
  ["pet feed a --food fsh", /^--food must be one of hay, fish, did you mean "fish"\?/],
  ["pet feed a --fod hay", /^unknown option --fod, did you mean "--food"\?/],
  ["pet feed a --food", /^--food needs a value: NAME/],
  ["pet feed a --food --slow", /^--food needs a value: NAME\. A value that begins with -/],
  ["pet feed a --food hay --food hay", /^--food was given twice/],
  ["pet feed a --food hay --slow=yes", /^--slow takes no value/],
  ["pet list now", /^unexpected argument after latchkey pet list/],
  ["purr --constructor", /^unknown option --constructor/],
  ["purr --token x", /^--token is not an option, because every user/],
];

test.each(wrong)("`latchkey %s` is refused with one line that says what to do", async (line, message) => {
  const error = await read(line).then(
    () => expect.fail("expected a refusal"),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
});

test("an argument with a token is refused, and no output contains the token", async () => {
  const token = "lk_live_01jd0zzzzzzzzzzzzzzzzzzzzz0123456789abcdefghijklmnopqrstuvABCDEF";
  const lines = [
    ["verify", token],
    ["key", "get", token],
    ["login", "--token", token],
    ["login", `--token-file=${token}`],
  ];
  for (const line of lines) {
    const { code, stdout, stderr } = await runCli(line);
    expect({ code, stdout }, line[0]).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^latchkey: an argument contains a token, .*stdin or in a file.*\n$/);
    expect(stderr).not.toContain("01jd0");
  }
});

test("no command line makes the parser fail in another way than with one line", async () => {
  const word = fc.constantFrom(
    "pet",
    "feed",
    "list",
    "purr",
    "--food",
    "hay",
    "--",
    "-",
    "-s",
    "--slow=",
    "--label",
    "=",
    "-sx",
    "__proto__",
    "--__proto__",
    "--help",
    "x",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(word, fc.string()), { maxLength: 8 }), async (args) => {
      const outcome = await readArguments(table, args).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ exitCode: 2 });
    }),
  );
});

test("each command of the table has a help, which the parser finds", async () => {
  for (const { path } of (await allCommands()).flatMap((group) => group.commands)) {
    expect(commandTable.words).toContain(path[0]);
    const { code, stdout } = await runCli([...path, "--help"]);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`latchkey ${path.join(" ")}`),
    });
    expect(stdout).toContain("Examples:");
  }
});

test("`latchkey --help` names every command", async () => {
  const { stdout } = await runCli(["--help"]);
  for (const { path } of (await allCommands()).flatMap((group) => group.commands)) {
    for (const word of path) expect(stdout).toContain(word);
  }
});

const unset = [
  ["key", "revoke", "--label", "", "--yes"],
  ["key", "revoke", "--label", "env=staging", "--created-by=", "--yes"],
  ["key", "list", "--account", "", "--quiet"],
  ["credits", "set", "acct_1", "5", "--key", ""],
  ["verify", "--workspace", ""],
  ["key", "revoke", "key_1", ""],
];

test.each(unset.map((args) => [args.join(" "), args] as const))(
  "`latchkey %s`, with a variable that is unset, does not select more: it is refused",
  async (_, args) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/empty/);
  },
);

test("an empty value clears a field of a key", async () => {
  const args = ["key", "update", "key_1", "--description", "", "--external-id="];
  expect(await readArguments(commandTable, args)).toMatchObject({
    input: { description: "", "external-id": "" },
  });
});
