import { expect, test } from "vitest";
import { allCommands } from "../../src/cli/table.ts";
import { password } from "../support/app.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { runLine } from "../support/cli/shell.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const scene = useCliScene(app);

// test/processes/cli.test.ts runs the first four, because they open a database of their own. test/cli/doctor and try.test.ts test the others.
const elsewhere = ["serve", "migrate", "bootstrap", "external-ids", "doctor", "try"];

// Their examples may change the session of the owner, or the account that later commands name.
const changesSession = ["sign-up", "login", "logout", "session", "user", "account", "invite"];

/** What a person types at the terminal, for the examples that ask. */
const answers: Record<string, () => string[]> = {
  "latchkey sign-up": () => ["ada.examples@example.com", "Ada", "Acme", password, password],
  "latchkey login": () => [scene.owner.email, password],
};

const commands = (await allCommands()).flatMap((group) => group.commands);
const examples = commands
  .filter(({ path }) => !elsewhere.includes(path[0]))
  .flatMap(({ path, examples: all }) => all.map((example) => ({ name: path.join(" "), ...example })));

test.each(examples)("an example of $name works: $command", async ({ name, command }) => {
  const line = await scene.filled(command);
  const end = await runLine(line, { ...scene, answers: answers[command]?.() });
  expect(end, line).toMatchObject({ code: 0 });
  if (!changesSession.includes(name.split(" ")[0] ?? "")) return;
  const login = await scene.run([
    "login",
    "--email",
    scene.owner.email,
    "--password-file",
    scene.file("password", password),
    // The owner may have another account by now.
    "--account",
    scene.owner.account.metadata?.id ?? "",
  ]);
  expect(login).toMatchObject({ code: 0 });
});

test("each command has an example that begins with its words", () => {
  for (const { path, examples: all } of commands) {
    const words = ["latchkey", ...path].join(" ");
    expect(
      all.some(({ command }) => command.includes(words)),
      words,
    ).toBe(true);
    for (const { text } of all) expect(text, words).toMatch(/^[A-Z][^\n]*\.$/);
  }
});
