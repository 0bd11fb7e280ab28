import { expect, test } from "vitest";
import { affordableConnections } from "../../src/cli/open-files.ts";
import { createLog } from "../../src/infra/log.ts";

test("with too few open files, fewer connections are accepted, and the log says so", () => {
  const lines: string[] = [];
  const log = createLog("info", { write: (line) => void lines.push(line) });
  expect(affordableConnections(10_000, log, 10_200)).toBe(10_000);
  expect(lines).toEqual([]);
  expect(affordableConnections(10_000, log, 300)).toBe(100);
  expect(affordableConnections(10_000, log, 64)).toBe(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: 40, openFiles: 300, connections: 100 });
});
