import { sql } from "kysely";
import type { QueryResult } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createReadConfirmation } from "../../src/db/read-confirmation.ts";
import { withStatements } from "../../src/db/statement-scope.ts";
import { createTestDatabase, openTestDatabase, type TestDatabase } from "../support/database/database.ts";
import { serverOf, writesToLoad } from "../support/orphan/writes.ts";

describe("on a server without a standby", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  test("no load writes anything, with or without a lease", async () => {
    expect(await writesToLoad(database.db, await serverOf(database.db))).toBe(false);
    expect(await writesToLoad(database.db, undefined)).toBe(false);
  });

  test("a connection that leads to the known primary is kept, and one that leads elsewhere is dropped", async () => {
    const { db, drop } = openTestDatabase(database.url);
    const pidWhere = (primary: string | undefined) =>
      withStatements({ primary: () => primary }, async () => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
        return rows[0]?.pid;
      });
    const first = await pidWhere(undefined);
    expect(await pidWhere(await serverOf(database.db))).toBe(first);
    expect(await pidWhere("another one")).not.toBe(first);
    await drop();
  });
});

describe("the confirmation of a read", () => {
  const text = "select id from thing where id = $1";
  const statement = { text, parameters: ["x"] };
  const nothing = { command: "SELECT", rowCount: 0, rows: [] as unknown[] } as QueryResult;
  const proof = expect.stringContaining("pg_logical_emit_message");

  /** Creates the confirmation of a connection to this server. `sent` contains the statements that it sends. */
  function connection(server: string, found = nothing) {
    const sent: unknown[][] = [];
    const confirmation = createReadConfirmation(async (text, parameters) => {
      sent.push([text, ...parameters]);
      if (text === statement.text) return found;
      return { rows: [{ server }], rowCount: 1, command: text.toUpperCase() } as QueryResult;
    });
    return { confirmation, sent };
  }

  test("reads a result without rows again in the transaction of a proof, unless the server is the known primary", async () => {
    const now = { ...nothing, rowCount: 1, rows: [{ id: "x" }] };
    const { confirmation, sent } = connection("first", now);
    expect(await confirmation.confirm(statement, nothing, () => undefined)).toBe(now);
    expect(sent.splice(0)).toEqual([["begin"], [text, "x"], [proof, ""], ["commit"]]);
    expect(await confirmation.confirm(statement, nothing, () => "first")).toBe(nothing);
    expect(sent.splice(0)).toEqual([]);
    await confirmation.confirm(statement, nothing, () => "second");
    expect(sent.splice(0)).toEqual([["begin"], [text, "x"], [proof, "second"], ["commit"]]);
  });

  test("returns a result with rows and the result of a change as they are", async () => {
    const { confirmation, sent } = connection("first");
    for (const result of [
      { ...nothing, rowCount: 1 },
      { ...nothing, command: "UPDATE" },
    ]) {
      expect(await confirmation.confirm(statement, result, () => undefined)).toBe(result);
    }
    expect(sent).toEqual([]);
  });

  test("proves the primary after the rollback of a transaction that found no rows", async () => {
    const { confirmation, sent } = connection("first");
    const none = () => undefined;
    confirmation.begin();
    confirmation.note({ ...nothing, rowCount: 1 });
    expect(confirmation.isOpen(none)).toBe(false);
    confirmation.note(nothing);
    expect(confirmation.isOpen(none)).toBe(true);
    await confirmation.rollBack(none);
    expect(sent).toEqual([["rollback and chain"], [proof, ""], ["commit"]]);
    expect(confirmation.isOpen(() => "first")).toBe(false);
    confirmation.begin();
    expect(confirmation.isOpen(none)).toBe(false);
  });
});
