import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import { expect, test } from "vitest";
import type { Db } from "../../../src/db/connect.ts";
import type { Database } from "../../../src/db/schema.ts";
import { newId } from "../../../src/domain/kernel/id.ts";
import { mintToken } from "../../../src/domain/kernel/token.ts";
import { openFastPathServer } from "../../support/fast-path/server.ts";
import { sendRaw } from "../../support/http-json/raw.ts";

const { token } = mintToken("lk", "live", newId("key"));

/** Returns a database whose connections fail with this error. */
function failingWith(error: Error): Db {
  class Driver extends DummyDriver {
    override async acquireConnection(): Promise<never> {
      throw error;
    }
  }
  return new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new Driver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

const requests = [
  { path: "/v1/whoami" },
  { path: "/v1/account/api_keys?limit=1" },
  { method: "POST", path: "/v1/tokens:verify", headers: { "content-type": "application/json" }, body: "{}" },
];

test.each([1, 2] as const)("HTTP/%s: a bug is an internal error without its cause", async (version) => {
  const { url } = await openFastPathServer(failingWith(new Error("select secret_hash from token")), true);
  for (const request of requests) {
    const { status, json } = await sendRaw(url, version, { ...request, token });
    expect([status, json]).toEqual([
      500,
      { success: false, error: { code: "INTERNAL", message: "internal error", details: {} } },
    ]);
  }
});

test.each([1, 2] as const)(
  "HTTP/%s: without the database, a request gets 503 and when to retry",
  async (version) => {
    const lost = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const { url } = await openFastPathServer(failingWith(lost), true);
    for (const request of requests) {
      const { status, headers, json } = await sendRaw(url, version, { ...request, token });
      expect([status, headers["retry-after"]]).toEqual([503, "1"]);
      expect(json).toMatchObject({ success: false, error: { code: "UNAVAILABLE" } });
    }
  },
);
