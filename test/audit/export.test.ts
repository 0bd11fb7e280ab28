import fc from "fast-check";
import { expect, test } from "vitest";
import { csvOf } from "../../console/src/csv.ts";
import { header, rowOf } from "../../console/src/pages/audit/rows.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

/** Reads CSV by RFC 4180. */
function parse(text: string): string[][] {
  const cells = [...text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)];
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of cells) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? "");
    if (end !== ",") rows.push([]);
  }
  return rows.slice(0, -1);
}

test("CSV keeps every cell, and no cell is a formula", () => {
  const rows = fc.array(
    fc.array(fc.string({ unit: fc.constantFrom(...'=+-@a,"\r\n\t ') }), { minLength: 1 }),
  );
  fc.assert(
    fc.property(rows, (rows) => {
      const parsed = parse(csvOf(rows));
      expect(parsed.map((row) => row.length)).toEqual(rows.map((row) => row.length));
      for (const [y, row] of rows.entries()) {
        for (const [x, cell] of row.entries()) {
          const written = parsed[y]?.[x] ?? "";
          expect(written).not.toMatch(/^[=+\-@\t\r]/);
          expect([cell, `'${cell}`]).toContain(written);
        }
      }
    }),
  );
});

test("the export of an event has a value for each column", async () => {
  const owner = await app.newAccount();
  await owner.teams.createTeam({ metadata: { name: "=cmd()" } });
  const { items, names } = await owner.audit.listAuditEvents({ limit: 1 });
  const rows = items.map((event) => rowOf(event, names));
  expect(rows[0]).toHaveLength(header.length);
  const one = Object.fromEntries(header.map((name, n) => [name, rows[0]?.[n]]));
  expect(one).toMatchObject({ outcome: "done", count: "1", resource_type: "team", resource: "=cmd()" });
  expect(one.event).toMatch(/created the team =cmd\(\)$/);
  expect(csvOf(rows)).toContain(",'=cmd(),");
});
