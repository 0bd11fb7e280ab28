import pg from "pg";
import { whole } from "./compare.ts";
import { type BenchDatabase, openBenchDatabase } from "./database.ts";
import { asEnvoy, asForwarded, extAuthzPath, forwardAuthPath } from "./gateways.ts";
import { haveQuickGenerators, pressHttp1, pressHttp2, type Seen } from "./generators.ts";
import { keyId, keyToken } from "./keys.ts";
import type { Options } from "./options.ts";
import type { Progress } from "./part-runner.ts";
import { startBetterAuth, startGrpcJs } from "./peers.ts";
import { type Server, startServer } from "./processes.ts";
import { asBinary, asGrpc, asJson, framed, type Service, startService, verifyPath, warm } from "./service.ts";
import { type Stack, startInto } from "./stack.ts";

/** How many different tokens the calls verify. */
export const tokens = 10_000;
export const inFlight = 50;
const warmSeconds = 6;

/** The samples of each kind of call, one per round. */
export interface HotSeen {
  seen: Record<string, Seen[]>;
  /** Transactions that the database committed per 1,000 verifications. */
  transactions: number;
}

/** The servers that are compared. */
interface HotServers {
  database: BenchDatabase;
  service: Service;
  bare: Server;
  echo: Server;
  peers: { grpcJs: Server; betterAuth: Server } | undefined;
}

type Measure = (seconds: number) => Promise<Seen>;

/** Measures each kind of call. The kinds take turns. `only`: measures only the kinds with these names. */
export async function measureHot(
  stack: Stack,
  options: Pick<Options, "peers" | "quick" | "rounds" | "seconds">,
  progress: Progress,
  only?: readonly string[],
): Promise<HotSeen> {
  const servers = await startServers(stack, options.peers);
  const { url } = servers.database;
  const kinds = Object.entries(createKinds(servers)).filter(([name]) => only?.includes(name) ?? true);
  // The first calls compile the code and fill the response cache with every token.
  for (const [, measure] of kinds) await measure(options.quick ? 1 : warmSeconds);
  const seen: Record<string, Seen[]> = {};
  let transactions = Number.NaN;
  for (let round = 1; round <= options.rounds; round++) {
    for (const [name, measure] of kinds) {
      const before = name === "json" ? await committed(url) : 0;
      const sample = await measure(options.seconds);
      if (name === "json") {
        const spent = (await committed(url)) - before;
        transactions = (1_000 * spent) / (sample.perSecond * Math.max(1, options.seconds));
      }
      seen[name] = [...(seen[name] ?? []), sample];
      progress(`round ${round}: ${name} ${whole(sample.perSecond)}/s`);
    }
  }
  return { seen, transactions };
}

async function startServers(stack: Stack, withPeers: boolean): Promise<HotServers> {
  const database = await openBenchDatabase(stack, tokens, 1);
  const service = await startService(stack, database);
  const response = await warm(service.port, database.platformToken, tokens);
  const message = framed(response.bytes).toString("base64");
  const twoPorts = /listening on (\d+) and (\d+)/;
  const bare = await startInto(stack, () =>
    startServer(["bench/servers/bare.ts", response.json, message], {}, twoPorts),
  );
  const echo = await startInto(stack, () =>
    startServer(["bench/servers/echo.ts", response.base64], {}, twoPorts),
  );
  const peers = withPeers
    ? {
        grpcJs: await startGrpcJs(stack, response.base64),
        betterAuth: await startBetterAuth(stack, database.url, tokens),
      }
    : undefined;
  return { database, service, bare, echo, peers };
}

function inRandomOrder(count: number): { n: number }[] {
  return Array.from({ length: count }, (_, n) => ({ n, at: Math.random() })).sort((a, b) => a.at - b.at);
}

function createKinds({ database, service, bare, echo, peers }: HotServers): Record<string, Measure> {
  const authorization = `Bearer ${database.platformToken}`;
  const shuffled = inRandomOrder(tokens);
  const all = (make: (token: string) => Buffer, token = keyToken) => shuffled.map(({ n }) => make(token(n)));
  const common = { path: verifyPath, inFlight };
  const http1 =
    (type: string, bodies: () => Buffer[], { fresh = false, path = verifyPath } = {}) =>
    (port: number, serverPid: number): Measure =>
    (seconds) => {
      const headers = { authorization, "content-type": type };
      return pressHttp1({ ...common, path, port, serverPid, seconds, headers, bodies: bodies(), fresh });
    };
  const json = http1("application/json", () => all(asJson));
  const freshJson = http1("application/json", () => all(asJson), { fresh: true });
  const plain = http1("application/json", () => all(asJson), { path: "/v1/tokens:verify" });
  // The caller may read only a key of its own account.
  const ownKey = keyId(tokens);
  const getKey = http1("application/json", () => [Buffer.from(JSON.stringify({ id: ownKey }))], {
    path: "/latchkey.v1.ApiKeyService/GetApiKey",
  });
  const binary = http1("application/proto", () => all(asBinary));
  const peerJson = http1("application/json", () => all(asJson, (index) => `token-${index}`));
  const grpc =
    (port: number, serverPid: number, call = { path: verifyPath, make: asGrpc }): Measure =>
    (seconds) => {
      const credentials = { authorization, "latchkey-verifier": database.platformToken };
      const headers = { ...credentials, "content-type": "application/grpc+proto", te: "trailers" };
      const bodies = all(call.make);
      return pressHttp2({ ...common, path: call.path, port, serverPid, seconds, headers, bodies });
    };
  const gets =
    (port: number, serverPid: number, path: string, own: () => Record<string, string>[]): Measure =>
    (seconds) =>
      pressHttp1({ ...common, path, headers: {}, bodies: [], gets: own(), port, serverPid, seconds });
  const forwarded = () => shuffled.map(({ n }) => asForwarded(database.platformToken, keyToken(n)));
  return {
    bareHttp: json(Number(bare.announced[1]), bare.pid),
    json: json(service.port, service.pid),
    plain: plain(service.port, service.pid),
    ...(haveQuickGenerators && {
      bareHttpFresh: freshJson(Number(bare.announced[1]), bare.pid),
      jsonFresh: freshJson(service.port, service.pid),
    }),
    binary: binary(service.port, service.pid),
    echoJson: json(Number(echo.announced[1]), echo.pid),
    ...(peers && { betterAuth: peerJson(Number(peers.betterAuth.announced[1]), peers.betterAuth.pid) }),
    bareHttp2: grpc(Number(bare.announced[2]), bare.pid),
    grpc: grpc(service.port, service.pid),
    ...(peers && { grpcJs: grpc(Number(peers.grpcJs.announced[1]), peers.grpcJs.pid) }),
    ...(haveQuickGenerators && {
      bareGet: gets(Number(bare.announced[1]), bare.pid, forwardAuthPath, forwarded),
      forwardAuth: gets(service.port, service.pid, forwardAuthPath, forwarded),
      getKey: getKey(service.port, service.pid),
      plainGetKey: gets(service.port, service.pid, `/v1/account/api_keys/${ownKey}`, () => [
        { authorization },
      ]),
    }),
    extAuthz: grpc(service.port, service.pid, { path: extAuthzPath, make: asEnvoy }),
    echoGrpc: grpc(Number(echo.announced[2]), echo.pid),
  };
}

/** Returns how many transactions a database has committed. */
async function committed(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(
    "select xact_commit::float8 as count from pg_stat_database where datname = current_database()",
  );
  await client.end();
  return rows[0].count;
}
