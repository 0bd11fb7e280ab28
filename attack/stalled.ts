import { whole } from "../bench/compare.ts";
import { openPostgres } from "../bench/database.ts";
import { connect } from "../src/db/connect.ts";
import { migrate, migrationTimeoutMs } from "../src/db/migrate.ts";
import { startAppOn } from "../test/support/app.ts";
import { openTestDatabase } from "../test/support/database/database.ts";
import { quietLog } from "../test/support/server/server.ts";
import { runStalledBodies, type StalledResult } from "../test/support/stalled/run.ts";
import type { Part } from "./part.ts";

const casesPerLine = 100;
// All cases run in a few accounts, and many of them create a role.
const manyRoles = { LATCHKEY_MAX_ROLES_PER_ACCOUNT: "1000" };

/** Calls whose bearer loses its authority before the body is complete: every RPC, protocol and way of losing authority. */
export const stalled: Part = async (stack, { quick }, progress) => {
  const { url } = await openPostgres(stack);
  const db = connect({ url, poolSize: 1, queryTimeoutMs: migrationTimeoutMs, log: quietLog });
  await migrate(db);
  await db.destroy();
  const { app, end } = await startAppOn(openTestDatabase(url), manyRoles);
  stack.defer(end);
  let done = 0;
  const onCase = () => {
    done += 1;
    if (done % casesPerLine === 0) progress(`stalled: ${done} cases`);
  };
  const { results, failed, exempt } = await runStalledBodies({ app, cover: quick ? "each" : "all", onCase });
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

function describe({ rpc, protocol, loss, control, outcome, rejection, changed }: StalledResult): string {
  return `${rpc}, ${protocol}, ${loss}: ${outcome} (control ${control}, next call ${rejection}, changed ${changed.join(", ") || "nothing"})`;
}
