import { expect, test } from "vitest";
import { scrubSentence } from "../../src/infra/log.ts";
import { issueKey } from "../support/app.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const scene = useCliScene(app);
const missing = (prefix: string) => `${prefix}_00000000000000000000000000`;

test("a line about the bearer is a whole sentence, and names the place of the token", async () => {
  const key = await issueKey(scene.owner);
  await scene.owner.apiKeys.revokeApiKey({ id: key.id });
  const file = scene.file("revoked", key.token);
  const lines: [args: string[], env: Record<string, string>, line: string][] = [
    [
      ["whoami"],
      { LATCHKEY_TOKEN: "x" },
      "the bearer is unknown, wrong or malformed (the token of LATCHKEY_TOKEN)",
    ],
    [["whoami", "--token-file", file], {}, `the bearer was revoked (the token of ${file})`],
    [["whoami", "--account", missing("acct")], {}, "the bearer does not belong to this account"],
  ];
  for (const [args, env, line] of lines)
    expect(await scene.run(args, { env })).toEqual({ code: 1, stdout: "", stderr: `latchkey: ${line}\n` });
});

test("a sentence loses each credential after the word bearer, and no word of the language", () => {
  expect(scrubSentence("the bearer is wrong; a bearer, basic words")).toBe(
    "the bearer is wrong; a bearer, basic words",
  );
  for (const secret of ["hunter2", "AbCdEf", "dXNlcjpwYXNz", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a-b"]) {
    for (const word of ["Bearer", "bearer", "Basic", "BEARER"])
      expect(scrubSentence(`authorization of ${word} ${secret} failed`)).not.toContain(secret);
  }
});

const remedies: [args: string[], code: number, line: string][] = [
  [["key", "get", missing("key")], 1, "API key not found; `latchkey key list` lists those of the account"],
  [
    ["workspace", "get", missing("ws")],
    1,
    "workspace not found; `latchkey workspace list` lists those of the account",
  ],
  [
    ["member", "get", missing("prof")],
    1,
    "profile not found; `latchkey member list` lists those of the account",
  ],
  [
    ["service-account", "get", missing("sa")],
    1,
    "service account not found; `latchkey service-account list` lists those of the account",
  ],
  [
    ["account", "search"],
    1,
    "the permission accounts:read is missing; `latchkey whoami` shows what the caller may do",
  ],
  [
    ["key", "create", "--name", "x", "--expires", "soon"],
    2,
    "--expires: expected a duration such as 24h or 7d, or a time such as 2026-11-22T06:40:00Z; run `latchkey key create --help`",
  ],
  [
    ["workspace", "add-member", missing("ws")],
    2,
    "expected --profile or --email; run `latchkey workspace add-member --help`",
  ],
  [
    ["key", "create", "--name", "x", "--rate-limit", "fast"],
    2,
    "expected a limit such as requests=100/60s, or words=5000/1h,cost=10; run `latchkey key create --help`",
  ],
];

test.each(remedies)("the line about %j says what to do", async (args, code, line) => {
  expect(await scene.run(args)).toEqual({ code, stdout: "", stderr: `latchkey: ${line}\n` });
});

test("a list of verdicts names the key of each token, also of those that are not valid", async () => {
  const [first, second] = [await issueKey(scene.owner), await issueKey(scene.owner)];
  await scene.owner.apiKeys.revokeApiKey({ id: second.id });
  const stdin = [first.token, second.token, "nonsense"].join("\n");
  const env = { LATCHKEY_TOKEN: app.platformToken };
  const permission = ["--permission", "nothing:read"];
  expect(await scene.run(["verify", "--quiet", ...permission], { env, stdin })).toEqual({
    code: 1,
    stdout: `${first.id}\n${second.id}\nunknown\n`,
    stderr: "latchkey: 3 of 3 tokens are not valid\n",
  });
});

test("a result without an id is no line with --quiet, and the note about further items follows the list", async () => {
  const reset = await scene.run(["user", "request-reset", scene.owner.email, "--quiet"]);
  expect(reset).toEqual({ code: 0, stdout: "", stderr: "" });
  const list = await scene.run(["role", "list", "--limit", "1"], { answers: [] });
  expect(list.stderr).toBe("there are more: add --all, or --limit NUMBER\n");
});
