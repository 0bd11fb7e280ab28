import type { Config } from "../config/config.ts";
import { beforeUniqueExternalIds } from "../db/migrations/index.ts";
import { clearDuplicates, clearExternalIds, listDuplicates } from "../domain/account/external-ids.ts";
import type { Log } from "../infra/log.ts";
import { openDatabase } from "./open-database.ts";
import { withStore } from "./store.ts";

/** What the command does: list, clear the external id of these resources, or of all resources but the oldest ones. */
export interface ExternalIdsOptions {
  clear: boolean;
  ids: readonly string[];
}

const maxListed = 1_000;

/**
 * Lists the resources whose external id is not unique, or clears external ids. It also runs on a database whose migration to
 * unique external ids failed: it applies only the migrations before that one.
 */
export async function externalIdsCommand(
  config: Config,
  log: Log,
  { clear, ids }: ExternalIdsOptions,
): Promise<void> {
  const database = await openDatabase(config, log, { migrations: beforeUniqueExternalIds });
  try {
    if (clear) {
      const cleared = await withStore(database, log, (store) =>
        ids.length > 0 ? clearExternalIds(store, ids) : clearDuplicates(store),
      );
      process.stdout.write(`cleared ${cleared}\n`);
      return;
    }
    const found = await listDuplicates(database.db, maxListed + 1);
    const lines = found
      .slice(0, maxListed)
      .map(({ kind, accountId, id, externalId, oldest }) =>
        [kind, accountId, id, externalId, oldest ? "oldest" : "newer"].join("\t"),
      );
    if (found.length > maxListed) lines.push(`more than ${maxListed}: clear some, then list again`);
    process.stdout.write(found.length > 0 ? `${lines.join("\n")}\n` : "every external_id is unique\n");
  } finally {
    await database.close();
  }
}
