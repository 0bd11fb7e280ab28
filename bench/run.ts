import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { TokenService, VerifyTokenResponseSchema } from "../gen/latchkey/v1/token_service_pb.ts";
import { type Case, createCases, maxMutations, type Setting } from "./cases.ts";
import type { Sample } from "./closed-loop.ts";
import { openBenchDatabase } from "./database.ts";
import { keyToken } from "./keys.ts";
import { measureLogIn } from "./log-in.ts";
import { help, type Options, readOptions } from "./options.ts";
import { pinned, pinSelf, startGenerator, startServer } from "./processes.ts";
import { type Stack, startInto } from "./stack.ts";
import { logInText, machineText, type Row, tableText } from "./table.ts";

const pressures = [50, 1];
// Cores that processes outside the bench may use before a sample is taken again.
const quiet = 0.2;

let running = new AsyncDisposableStack();
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // Ending takes a moment; a second Ctrl-C would leave Postgres and its directory behind.
    if (interrupted) return progress("ending");
    interrupted = true;
    void running.disposeAsync().finally(() => process.exit(130));
  });
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) return void process.stdout.write(help);
  pinSelf(1);
  for (const [n, keys] of options.sizes.entries()) {
    running = new AsyncDisposableStack();
    try {
      const { machine, tables } = await measure(keys, options, running);
      process.stdout.write(n === 0 ? `\n${machine}\n${tables}\n` : `${tables}\n`);
    } finally {
      if (!interrupted) await running.disposeAsync();
    }
  }
}

async function measure(keys: number, options: Options, stack: Stack) {
  progress(`filling a database with ${keys.toLocaleString("en-US")} keys`);
  // Rotations share the first of them; revocations need new ones for each sample.
  const spares = maxMutations * (1 + options.rounds * pressures.length);
  const database = await openBenchDatabase(stack, keys, spares);
  const serve = ["src/main.ts", "serve"];
  const env = { LATCHKEY_DATABASE_URL: database.url, LATCHKEY_PORT: "0", LATCHKEY_LOG_LEVEL: "warn" };
  const latchkey = await startInto(stack, () =>
    startServer(serve, env, /listening on http:\/\/127\.0\.0\.1:(\d+)/),
  );
  const port = Number(latchkey.announced[1]);
  const answer = await realAnswer(port, database.platformToken);
  const echo = await startInto(stack, () =>
    startServer(["bench/servers/echo.ts", answer], {}, /listening on (\d+) and (\d+)/),
  );
  const ports = {
    latchkey: port,
    echoHttp1: Number(echo.announced[1]),
    echoHttp2: Number(echo.announced[2]),
  };
  const setting: Setting = { ...database, databaseUrl: database.url, keys, ports };
  const servers = { latchkey: latchkey.pid, echo: echo.pid };
  const generators = { fromOutside: stack.use(startGenerator(1)), asServer: stack.use(startGenerator(0)) };

  const cases = createCases(setting, keys);
  const rows: Row[] = pressures.flatMap((inFlight) => cases.map((of) => ({ of, inFlight, rounds: [] })));
  for (let round = 1; round <= options.rounds; round++) {
    for (const { of, inFlight, rounds } of rows) {
      const generator = of.server ? generators.fromOutside : generators.asServer;
      const watched = { server: of.server && servers[of.server], postgres: database.pid };
      const load = { ...options, inFlight, maxCalls: of.maxCalls };
      const sample = await undisturbed(of, options.retries, () =>
        generator.run({ calls: of.calls(), load, watched }),
      );
      rounds.push(sample);
      progress(`round ${round}: ${of.name}, ${inFlight} in flight: ${Math.round(sample.perSecond)}/s`);
    }
  }
  const logIn = logInText(await measureLogIn(port, options.logIns), options.logIns);
  const machine = machineText(database.version, pinned, options);
  return { machine, tables: `${tableText(keys, rows)}\n${logIn}` };
}

/** The sample that other processes disturbed least, of the first quiet one or some tries. */
async function undisturbed(of: Case, retries: number, measure: () => Promise<Sample>): Promise<Sample> {
  let best = await measure();
  // What changes the database is measured once, or it would outgrow what the table says.
  const tries = Number.isFinite(of.maxCalls) ? 0 : retries;
  for (let n = 0; n < tries && best.otherCores > quiet; n++) {
    const again = await measure();
    if (again.otherCores < best.otherCores) best = again;
  }
  return best;
}

/** An answer of the service in base64, for the echo to give: both then send as many bytes. */
async function realAnswer(port: number, bearer: string): Promise<string> {
  const transport = createConnectTransport({ baseUrl: `http://127.0.0.1:${port}`, httpVersion: "1.1" });
  const headers = { authorization: `Bearer ${bearer}` };
  const answer = await createClient(TokenService, transport).verifyToken({ token: keyToken(1) }, { headers });
  if (!answer.valid) throw new Error("the service refuses a key of the bench");
  return Buffer.from(toBinary(VerifyTokenResponseSchema, answer)).toString("base64");
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

main().catch((error: unknown) => {
  if (interrupted) return;
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
