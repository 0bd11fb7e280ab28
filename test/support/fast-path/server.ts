import { pino } from "pino";
import { onTestFinished } from "vitest";
import { createApp } from "../../../src/app/app.ts";
import { readConfig } from "../../../src/config/config.ts";
import type { Db } from "../../../src/db/connect.ts";
import { createPasswords } from "../../../src/domain/user/password.ts";
import { createMetrics } from "../../../src/infra/metrics.ts";
import { defaultLimits, type Limits } from "../../../src/net/limits.ts";
import { cheapPasswords, prepared, testLeaseMs } from "../cheap.ts";
import type { TestDatabase } from "../database/database.ts";
import { openTestPort } from "../net/net.ts";

// Calls of the fast path create no password.
const noEstimator = { estimate: () => Promise.reject(new Error("no password is expected")) };

/** A log line of a call. */
export type Line = Record<string, unknown>;

// No server listens on this address.
const nowhere = "postgres://127.0.0.1:1/nowhere";

/**
 * Starts a server with or without the fast path, until the test ends. Collects the log lines of its calls. `database` is a
 * pool of an app, whose connections plan no statement again, or a database without a change feed.
 */
export async function openFastPathServer(
  database: TestDatabase | Db,
  fastPath: boolean,
  limits: Limits = defaultLimits,
) {
  const { db, url: listenUrl } = "drop" in database ? database : { db: database, url: nowhere };
  const lines: Line[] = [];
  const log = pino({}, { write: (text: string) => collect(JSON.parse(text) as Line) });
  const collect = (line: Line) => line.msg === "call" && lines.push(line);
  const metrics = createMetrics("0.0.0", () => ({}));
  const app = createApp({
    db,
    lookups: db,
    listenUrl,
    config: readConfig({ LATCHKEY_CORS_ORIGINS: "https://console.example" }),
    passwords: await createPasswords(noEstimator, { make: 1, check: 1 }, cheapPasswords),
    mailer: { delivers: false, async send() {} },
    limits,
    log,
    metrics,
    fastPath,
    leaseMs: testLeaseMs,
    ...prepared,
  });
  const port = await openTestPort({ handler: app.handler, plain: app.plain, limits });
  if (listenUrl !== nowhere) await app.ready();
  onTestFinished(() => app.close());
  return { ...port, lines, metrics, flush: app.flush };
}
