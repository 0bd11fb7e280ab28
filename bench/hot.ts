import pg from "pg";
import { type Comparison, comparisonTable, median, whole } from "./compare.ts";
import { openBenchDatabase } from "./database.ts";
import { type Pressure, pressHttp1, pressHttp2, type Seen } from "./generators.ts";
import { keyToken } from "./keys.ts";
import type { Options } from "./options.ts";
import type { Part } from "./part.ts";
import { startBetterAuth, startGrpcJs } from "./peers.ts";
import { startServer } from "./processes.ts";
import { asBinary, asGrpc, asJson, framed, startService, verifyPath, warm } from "./service.ts";
import { type Stack, startInto } from "./stack.ts";

const tokens = 10_000;
const inFlight = 50;
const warmSeconds = 6;

/** What was seen of each kind of call, a sample for every round. */
export interface HotSeen {
  seen: Record<string, Seen[]>;
  /** Transactions that the database committed for 1,000 verifications. */
  transactions: number;
}

/** Verification of tokens that are remembered, against what the machine, node and others can do at most. */
export const hot: Part = async (stack, options, progress) => {
  const { seen, transactions } = await measureHot(stack, options, progress);
  const row = (what: string, limit: string, ours: string, of: string, reach?: number): Comparison[] => {
    const [samples, limits] = [seen[ours], seen[of]];
    return samples && limits
      ? [{ what, limit, ours: samples, limits, ...(reach !== undefined && { reach }) }]
      : [];
  };
  const jsonRow = "VerifyToken, Connect JSON, HTTP/1.1";
  const rows = [
    ...row(jsonRow, "bare node:http, JSON echo", "json", "bareHttp", 0.6),
    ...row(jsonRow, "connect-node echo", "json", "echoJson", 4),
    ...row(jsonRow, "better-auth `verifyApiKey`", "json", "betterAuth", 25),
    ...row("VerifyToken, Connect binary, HTTP/1.1", "bare node:http, JSON echo", "binary", "bareHttp"),
    ...row("VerifyToken, gRPC", "bare http2 stream echo", "grpc", "bareHttp2", 0.55),
    ...row("VerifyToken, gRPC", "@grpc/grpc-js echo", "grpc", "grpcJs", 1),
    ...row("VerifyToken, gRPC", "connect-node echo", "grpc", "echoGrpc"),
  ];
  const tail = seen.json?.map((sample, n) => sample.p99 / (seen.bareHttp?.[n]?.p99 ?? Number.NaN)) ?? [];
  return [
    `### Hot: ${whole(tokens)} different tokens, ${inFlight} in flight\n`,
    comparisonTable(rows),
    `p99 of Connect JSON is ${median(tail).toPrecision(2)} × the bare echo's (to reach: at most 2). Meanwhile the database committed`,
    `${transactions.toPrecision(2)} transactions per 1,000 verifications: beats, and last use, which is written behind them.\n`,
  ].join("\n");
};

/** Measures each kind of call in turns: all of them, or only those with some names. */
export async function measureHot(
  stack: Stack,
  options: Pick<Options, "peers" | "quick" | "rounds" | "seconds">,
  progress: (line: string) => void,
  only?: readonly string[],
): Promise<HotSeen> {
  const database = await openBenchDatabase(stack, tokens, 1);
  const service = await startService(stack, database);
  const answer = await warm(service.port, database.platformToken, tokens);
  const bare = await startInto(stack, () =>
    startServer(
      ["bench/servers/bare.ts", answer.json, framed(answer.bytes).toString("base64")],
      {},
      /listening on (\d+) and (\d+)/,
    ),
  );
  const echo = await startInto(stack, () =>
    startServer(["bench/servers/echo.ts", answer.base64], {}, /listening on (\d+) and (\d+)/),
  );
  const peers = options.peers
    ? {
        grpcJs: await startGrpcJs(stack, answer.base64),
        betterAuth: await startBetterAuth(stack, database.url, tokens),
      }
    : undefined;

  const authorization = `Bearer ${database.platformToken}`;
  const shuffled = Array.from({ length: tokens }, (_, n) => ({ n, at: Math.random() })).sort(
    (a, b) => a.at - b.at,
  );
  const all = (make: (token: string) => Buffer, token = keyToken) => shuffled.map(({ n }) => make(token(n)));
  const common = { path: verifyPath, inFlight };
  const http1 =
    (type: string, bodies: () => Buffer[]) => (port: number, serverPid: number, seconds: number) =>
      pressHttp1({
        ...common,
        port,
        serverPid,
        seconds,
        headers: { authorization, "content-type": type },
        bodies: bodies(),
      });
  const json = http1("application/json", () => all(asJson));
  const binary = http1("application/proto", () => all(asBinary));
  const theirs = http1("application/json", () => all(asJson, (index) => `token-${index}`));
  const grpc = (port: number, serverPid: number, seconds: number) => {
    const headers = { authorization, "content-type": "application/grpc+proto", te: "trailers" };
    const pressure: Pressure = { ...common, port, serverPid, seconds, headers, bodies: all(asGrpc) };
    return pressHttp2(pressure);
  };

  const kinds: Record<string, (seconds: number) => Promise<Seen>> = {
    bareHttp: (seconds) => json(Number(bare.announced[1]), bare.pid, seconds),
    json: (seconds) => json(service.port, service.pid, seconds),
    binary: (seconds) => binary(service.port, service.pid, seconds),
    echoJson: (seconds) => json(Number(echo.announced[1]), echo.pid, seconds),
    ...(peers && {
      betterAuth: (seconds) => theirs(Number(peers.betterAuth.announced[1]), peers.betterAuth.pid, seconds),
    }),
    bareHttp2: (seconds) => grpc(Number(bare.announced[2]), bare.pid, seconds),
    grpc: (seconds) => grpc(service.port, service.pid, seconds),
    ...(peers && {
      grpcJs: (seconds) => grpc(Number(peers.grpcJs.announced[1]), peers.grpcJs.pid, seconds),
    }),
    echoGrpc: (seconds) => grpc(Number(echo.announced[2]), echo.pid, seconds),
  };
  const measured = Object.entries(kinds).filter(([name]) => only?.includes(name) ?? true);
  // The first answers of each compile it, and fill what it remembers: every token has been asked about by then.
  for (const [, measure] of measured) await measure(options.quick ? 1 : warmSeconds);
  const seen: Record<string, Seen[]> = {};
  let transactions = Number.NaN;
  for (let round = 1; round <= options.rounds; round++) {
    for (const [name, measure] of measured) {
      const before = name === "json" ? await committed(database.url) : 0;
      const sample = await measure(options.seconds);
      if (name === "json") {
        const spent = (await committed(database.url)) - before;
        transactions = (1_000 * spent) / (sample.perSecond * Math.max(1, options.seconds));
      }
      seen[name] = [...(seen[name] ?? []), sample];
      progress(`round ${round}: ${name} ${whole(sample.perSecond)}/s`);
    }
  }
  return { seen, transactions };
}

/** Transactions that a database has committed. */
async function committed(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(
    "select xact_commit::float8 as count from pg_stat_database where datname = current_database()",
  );
  await client.end();
  return rows[0].count;
}
