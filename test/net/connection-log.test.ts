import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createConnectionLog } from "../../src/app/connection-log.ts";
import { createLog } from "../../src/infra/log.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open() {
  const lines: { reason: string; address: string; connections: number }[] = [];
  const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line)) });
  return { lines, closed: createConnectionLog(log, "a connection was refused", 5_000) };
}

test("a flood from one address writes one line at once and one line per interval", () => {
  const { lines, closed } = open();
  for (let n = 0; n < 10_000; n++) closed.add({ reason: "silent", address: "192.0.2.1" });
  expect(lines).toHaveLength(1);
  expect(lines).toMatchObject([{ reason: "silent", address: "192.0.2.1", connections: 1 }]);
  vi.advanceTimersByTime(5_000);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ reason: "silent", address: "192.0.2.1", connections: 9_999 });
  vi.advanceTimersByTime(60_000);
  expect(lines).toHaveLength(2);
});

test("a flood from many addresses writes few lines, and each connection is counted in one of them", () => {
  const { lines, closed } = open();
  for (let n = 0; n < 10_000; n++) closed.add({ reason: "silent", address: `2001:db8:${n.toString(16)}::1` });
  for (let n = 0; n < 10_000; n++)
    closed.add({ reason: "silent", address: `2001:db8:a:b::${n.toString(16)}` });
  closed.close();
  expect(lines.length).toBeLessThan(110);
  expect(lines.reduce((sum, { connections }) => sum + connections, 0)).toBe(20_000);
});

test("each reason of an address has its own line", () => {
  const { lines, closed } = open();
  for (const reason of ["silent", "not_http"]) closed.add({ reason, address: "192.0.2.1" });
  closed.close();
  expect(lines.map(({ reason }) => reason)).toEqual(["silent", "not_http"]);
});
