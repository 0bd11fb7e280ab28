import { type Case, createCases, maxMutations, type Setting } from "./cases.ts";
import type { Sample } from "./closed-loop.ts";
import { openBenchDatabase } from "./database.ts";
import type { Job } from "./load.ts";
import type { Part } from "./part.ts";
import { startBetterAuth } from "./peers.ts";
import { startGenerator, startServer } from "./processes.ts";
import { startService, warm } from "./service.ts";
import { startInto } from "./stack.ts";
import { type Row, tableText } from "./table.ts";

const keys = 10_000;
const pressures = [50, 1];
const warmCalls = 3_000;
const warmSeconds = 15;
const peerKeys = 100;
// If processes outside the bench use more cores than this, the sample is repeated.
const quiet = 0.2;

/** Changes of keys, compared with the limits of Connect and Postgres. */
export const changes: Part = async (stack, options, progress) => {
  // All samples rotate the same keys, but each sample and the warm-up revoke new ones.
  const spares = maxMutations * (2 + options.rounds * pressures.length);
  const database = await openBenchDatabase(stack, keys, spares);
  const latchkey = await startService(stack, database);
  const response = await warm(latchkey.port, database.platformToken, 100);
  const echo = await startInto(stack, () =>
    startServer(["bench/servers/echo.ts", response.base64], {}, /listening on (\d+) and (\d+)/),
  );
  const betterAuth = options.peers ? await startBetterAuth(stack, database.url, peerKeys) : undefined;
  const ports = {
    latchkey: latchkey.port,
    echo: Number(echo.announced[1]),
    ...(betterAuth && { betterAuth: Number(betterAuth.announced[1]) }),
  };
  const setting: Setting = { ...database, databaseUrl: database.url, keys, ports };
  const servers = { latchkey: latchkey.pid, echo: echo.pid, betterAuth: betterAuth?.pid };
  const generators = { fromOutside: stack.use(startGenerator(1)), asServer: stack.use(startGenerator(0)) };

  const cases = createCases(setting, keys);
  const seconds = options.quick ? options.seconds : warmSeconds;
  const warmLoad = { ...options, seconds, inFlight: 50, maxCalls: warmCalls };
  const watched = { server: latchkey.pid, postgres: database.pid() };
  await warmUp(cases, (calls) => generators.fromOutside.run({ calls, load: warmLoad, watched }));
  const rows: Row[] = pressures.flatMap((inFlight) => cases.map((of) => ({ of, inFlight, rounds: [] })));
  for (let round = 1; round <= options.rounds; round++) {
    for (const { of, inFlight, rounds } of rows) {
      const generator = of.server ? generators.fromOutside : generators.asServer;
      const watched = { server: of.server && servers[of.server], postgres: database.pid() };
      const load = { ...options, inFlight, maxCalls: of.maxCalls };
      const sample = await undisturbed(of, options.retries, () =>
        generator.run({ calls: of.calls(), load, watched }),
      );
      rounds.push(sample);
      progress(`round ${round}: ${of.name}, ${inFlight} in flight: ${Math.round(sample.perSecond)}/s`);
    }
  }
  return tableText(keys, rows);
};

// A sample of changes is too short to compile the code of the server. So each change gets one longer sample that does not
// count.
async function warmUp(cases: readonly Case[], run: (calls: Job["calls"]) => Promise<unknown>): Promise<void> {
  for (const of of cases) if (Number.isFinite(of.maxCalls)) await run(of.calls());
}

/** Measures until a sample is quiet, or `retries` times more. Returns the sample that other processes disturbed least. */
async function undisturbed(of: Case, retries: number, measure: () => Promise<Sample>): Promise<Sample> {
  let best = await measure();
  // Changes are measured only once, because more samples would change the size of the database.
  const tries = Number.isFinite(of.maxCalls) ? 0 : retries;
  for (let n = 0; n < tries && best.otherCores > quiet; n++) {
    const again = await measure();
    if (again.otherCores < best.otherCores) best = again;
  }
  return best;
}
