import { whole } from "../bench/compare.ts";
import { openPostgres } from "../bench/database.ts";
import { connect } from "../src/db/connect.ts";
import { migrate, migrationTimeoutMs } from "../src/db/migrate.ts";
import { startAppOn } from "../test/support/app.ts";
import { openTestDatabase } from "../test/support/database/database.ts";
import { createDatabase, quietLog } from "../test/support/server/server.ts";
import { protocolNames } from "../test/support/stalled/plan.ts";
import type { ProtocolName } from "../test/support/stalled/protocol.ts";
import { runStalledBodies, type StalledResult, type StalledSummary } from "../test/support/stalled/run.ts";
import type { Part } from "./part.ts";

const casesPerLine = 100;
// All cases run in a few accounts, and many of them create a role.
const manyRoles = { LATCHKEY_MAX_ROLES_PER_ACCOUNT: "1000" };

/** Calls whose bearer loses its authority before the body is complete: every RPC, protocol and way of losing authority. */
export const stalled: Part = async (stack, { quick }, progress) => {
  let done = 0;
  const onCase = () => {
    done += 1;
    if (done % casesPerLine === 0) progress(`stalled: ${done} cases`);
  };
  // Each case reads all tables twice. So each protocol gets a new database, whose tables are short.
  const { url } = await openPostgres(stack);
  const groups: (readonly ProtocolName[])[] = quick ? [protocolNames] : protocolNames.map((name) => [name]);
  const summaries: StalledSummary[] = [];
  for (const [index, protocols] of groups.entries()) {
    const { app, end } = await startNew(url, `stalled_${index}`);
    try {
      summaries.push(await runStalledBodies({ app, protocols, cover: quick ? "each" : "all", onCase }));
    } finally {
      await end();
    }
  }
  const results = summaries.flatMap((summary) => summary.results);
  const failed = summaries.flatMap((summary) => summary.failed);
  const exempt = summaries[0]?.exempt ?? [];
  const count = (of: (result: StalledResult) => string) => new Set(results.map(of)).size;
  const measured = [
    `**${failed.length}** of ${whole(results.length)} calls were not refused with the right reason, or changed something`,
    `${count(({ rpc }) => rpc)} RPCs, ${count(({ protocol }) => protocol)} protocols, ${count(({ loss }) => loss)} ways of losing authority`,
    `${whole(exempt.length)} pairs of RPC and loss are exempt by a reviewed list`,
    ...failed.slice(0, 3).map(describe),
  ];
  return [
    {
      attack: "stalled bodies: the caller loses its authority before the body is complete",
      measured: measured.join("; "),
      limit: "0 succeed",
      held: failed.length === 0 && results.length > 0,
    },
  ];
};

async function startNew(serverUrl: string, name: string) {
  const url = await createDatabase(serverUrl, name);
  const db = connect({ url, poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog });
  await migrate(db);
  await db.destroy();
  return startAppOn(openTestDatabase(url), manyRoles);
}

function describe({ rpc, protocol, loss, control, outcome, rejection, changed }: StalledResult): string {
  return `${rpc}, ${protocol}, ${loss}: ${outcome} (control ${control}, next call ${rejection}, changed ${changed.join(", ") || "nothing"})`;
}
