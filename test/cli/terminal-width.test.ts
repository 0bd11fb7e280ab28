import fc from "fast-check";
import { expect, test } from "vitest";
import { grid } from "../../src/cli/grid.ts";
import { allCommands } from "../../src/cli/table.ts";
import { widthOf } from "../../src/cli/text.ts";
import { distanceText } from "../../src/cli/time-column.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { runCli } from "../support/cli/run-cli.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { useSharedApp } from "../support/shared-app.ts";

const scene = useCliScene(useSharedApp());
const env = { NO_COLOR: "1" };

test("every help fits 80 columns, except its examples", async () => {
  const commands = (await allCommands()).flatMap((group) => group.commands);
  const words = new Set(commands.flatMap(({ path }) => (path.length > 1 ? [path[0]] : [])));
  for (const args of [[], ...[...words].map((word) => [word]), ...commands.map(({ path }) => path)]) {
    const { stdout } = await runCli([...args, "--help"]);
    const [help = ""] = stdout.split("\nExamples:\n");
    for (const line of help.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  }
});

const lists = [
  "key list",
  "session list",
  "workspace list",
  "member list",
  "invite list",
  "role list",
  "team list",
  "account list",
  "audit",
];

test("every list fits 80 columns, and no id, state or time in it is cut", async () => {
  const name = "Import of invoices from the old system";
  await issueKey(scene.owner, { metadata: { name, labels: { env: "staging", team: "backend" } } });
  await newWorkspace(scene.owner, name);
  await scene.run(["invite", "create", "somebody.with.a.long.name@example.com", "--role", "viewer"]);
  await scene.run(["team", "create", "--name", name, "--role", "viewer"]);
  for (const list of lists) {
    const { stdout } = await scene.run(list.split(" "), { answers: [], columns: 80, env });
    const [titles = "", ...rows] = stdout.trimEnd().split("\n");
    expect(rows.length, list).toBeGreaterThan(0);
    for (const line of [titles, ...rows]) expect(widthOf(line), `${list}: ${line}`).toBeLessThanOrEqual(80);
    // Only names and the like are cut: one text of a row, and never the first.
    for (const row of rows) {
      expect(row, list).toMatch(/^(?:[a-z]+_[0-9a-z]{26}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ)(?: |$)/);
      expect(row, list).not.toMatch(/\d{4}-\d\d…|\d{4}-\d\d-\d\d…|[a-z]+_[0-9a-z]{1,25}…/);
    }
  }
  const keys = await scene.run(["key", "list"], { answers: [], columns: 80, env });
  expect(keys.stdout).toMatch(/^ID +NAME +STATE +LAST USED +EXPIRES\n/);
  expect(keys.stdout).toMatch(/^key_\w+ {2}Import of inv\S*.*… +active +never +never$/m);
});

test("a wide terminal and a program get every column, with whole times", async () => {
  const titles = /^ID +NAME +KIND +STATE +LAST USED +EXPIRES +LABELS$/m;
  const expires = ["key", "create", "--name", "x", "--expires", "2099-01-01"];
  await scene.run(expires);
  for (const input of [{ answers: [], columns: 200, env }, {}]) {
    const { stdout } = await scene.run(["key", "list"], input);
    expect(stdout).toMatch(titles);
    expect(stdout).toContain("2099-01-01 00:00:00Z");
  }
});

test("a table keeps its first and its whole columns, and each line fits if these leave room", () => {
  const cell = fc.string({ unit: "grapheme", maxLength: 30 });
  const kinds = fc.array(fc.record({ whole: fc.boolean(), extra: fc.boolean() }), { maxLength: 5 });
  fc.assert(
    fc.property(
      kinds,
      fc.array(fc.array(cell), { maxLength: 4 }),
      fc.integer({ min: 60, max: 120 }),
      (more, rows, width) => {
        const columns = [{}, ...more].map((kind, n) => ({
          ...kind,
          title: `t${n}`,
          value: (row: string[]) => row[n] ?? "",
        }));
        for (const line of grid(columns, rows, width))
          expect(widthOf(line)).toBeLessThanOrEqual(Math.max(width, 80));
      },
    ),
  );
});

const distances: [seconds: number, text: string][] = [
  [0, "now"],
  [-59, "now"],
  [-60, "1 min ago"],
  [-99 * 60, "99 min ago"],
  [-100 * 60, "1 h ago"],
  [3 * 3600, "in 3 h"],
  [90 * 86_400, "in 90 d"],
  [-4000 * 86_400, "10 y ago"],
];

test.each(distances)("a time %i s from now is `%s`", (seconds, text) => {
  const time = {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt(1_000_000_000 + seconds),
    nanos: 0,
  } as const;
  expect(distanceText(time, 1_000_000_000_000)).toBe(text);
});
