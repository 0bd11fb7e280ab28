import { spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSeconds } from "./cpu.ts";
import { pinned, startGenerator } from "./processes.ts";

/** Repeated calls of one kind. */
export interface Pressure {
  port: number;
  path: string;
  headers: Record<string, string>;
  /** The bodies of the calls, in turns. h2load sends only the first. */
  bodies: readonly Uint8Array[];
  /** Calls by GET with these headers, in turns, in place of bodies. Only wrk can send them. */
  gets?: readonly Record<string, string>[];
  inFlight: number;
  seconds: number;
  /** The process whose CPU time counts. */
  serverPid: number;
  /** False: the generator runs on every core, as the server does. */
  pinned?: boolean;
  /** True: white space after each body makes it differ from every earlier one. Only wrk can do this. */
  fresh?: boolean;
}

/** A sample. Latencies are in milliseconds. `cores` is how many cores the server used. */
export interface Seen {
  perSecond: number;
  p50: number;
  p99: number;
  cores: number;
}

/** Whether the quick generators are installed: Debian's packages `wrk` and `nghttp2-client`. Ours is several times slower. */
export const haveQuickGenerators = ["wrk", "h2load"].every(
  (name) => spawnSync("which", [name], { stdio: "ignore" }).status === 0,
);

/** Calls over HTTP/1.1, with one connection for each call in flight. Throws if a call failed. */
export function pressHttp1(pressure: Pressure): Promise<Seen> {
  return haveQuickGenerators ? pressByWrk(pressure) : pressByOurs("http1", pressure);
}

/** Calls over HTTP/2 in plain text, on a few connections. Throws if a call failed. */
export function pressHttp2(pressure: Pressure): Promise<Seen> {
  return haveQuickGenerators ? pressByH2load(pressure) : pressByOurs("grpc", pressure);
}

async function pressByOurs(protocol: "http1" | "grpc", pressure: Pressure): Promise<Seen> {
  const { port, path, headers, bodies, inFlight, seconds, serverPid } = pressure;
  await using generator = startGenerator(1);
  const { "content-type": contentType = "", authorization = "", ...others } = headers;
  const calls = {
    protocol,
    port,
    path,
    contentType,
    bearer: authorization.replace(/^Bearer /, ""),
    headers: others,
    // Our gRPC callers add the prefix of gRPC.
    bodies: protocol === "grpc" ? bodies.map((body) => body.subarray(prefixBytes)) : bodies,
    expected: new Uint8Array(),
  };
  const load = { inFlight, seconds, warmSeconds: 0.2, maxCalls: Number.POSITIVE_INFINITY };
  const watched = { server: serverPid, postgres: serverPid };
  const { perSecond, p50, p99, serverCores } = await generator.run({ calls, load, watched });
  return { perSecond, p50, p99, cores: serverCores };
}

const prefixBytes = 5;

function pressByWrk(pressure: Pressure): Promise<Seen> {
  return inDirectory(async (directory) => {
    const { port, path, headers, bodies, gets = [], inFlight, seconds, fresh = false } = pressure;
    const script = join(directory, "wrk.lua");
    const table = (fields: Record<string, string>) =>
      `{${Object.entries(fields)
        .map(([name, value]) => `[${quote(name)}]=${quote(value)}`)
        .join(",")}}`;
    const sent = fresh ? bodies.map((body) => Buffer.concat([body, Buffer.alloc(freshBytes, " ")])) : bodies;
    writeFileSync(
      script,
      [
        `local headers = ${table(headers)}`,
        `local bodies = {${sent.map(quote).join(",\n")}}`,
        `local gets = {${gets.map(table).join(",\n")}}`,
        "local requests, n, i = {}, 0, 0",
        "function init()",
        `  for k, body in ipairs(bodies) do requests[k] = wrk.format("POST", "${path}", headers, body) end`,
        `  for k, own in ipairs(gets) do requests[k] = wrk.format("GET", "${path}", own) end`,
        "  n = #requests",
        "end",
        ...(fresh ? freshRequests() : ["function request() i = i % n + 1; return requests[i] end"]),
        "function done(s, l)",
        '  io.write(string.format("SEEN %d %d %d %d %d\\n", s.requests, s.duration, l:percentile(50), l:percentile(99),',
        "    s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout))",
        "end",
      ].join("\n"),
    );
    const url = `http://127.0.0.1:${port}/`;
    const args = ["-t1", `-c${inFlight}`, `-d${whole(seconds)}s`, "--timeout", "10s", "-s", script, url];
    const { out, cores } = await run("wrk", args, pressure);
    const [, requests, micros, p50, p99, errors] =
      /SEEN (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(out)?.map(Number) ?? [];
    if (requests === undefined || micros === undefined || errors !== 0)
      throw new Error(`wrk reported failures: ${out}`);
    return { perSecond: requests / (micros / 1e6), p50: (p50 ?? 0) / 1e3, p99: (p99 ?? 0) / 1e3, cores };
  });
}

const freshBytes = 48;
// Replaces the last bytes of a request by a number, of which each bit is a space or a tab. The first number is random.
function freshRequests(): string[] {
  return [
    "local nibbles = {}",
    "for v = 0, 15 do",
    '  nibbles[v] = ""',
    '  for bit = 0, 3 do nibbles[v] = nibbles[v] .. (math.floor(v / 2 ^ bit) % 2 == 0 and " " or "\\t") end',
    "end",
    `local number = ${randomInt(2 ** 47)}`,
    "function request()",
    "  i, number = i % n + 1, number + 1",
    "  local rest, space = number, {}",
    `  for k = 1, ${freshBytes / 4} do space[k] = nibbles[rest % 16]; rest = math.floor(rest / 16) end`,
    `  return requests[i]:sub(1, -${freshBytes + 1}) .. table.concat(space)`,
    "end",
  ];
}

const connections = 5;

function pressByH2load(pressure: Pressure): Promise<Seen> {
  return inDirectory(async (directory) => {
    const { port, path, headers, bodies, inFlight, seconds } = pressure;
    const [body, log] = [join(directory, "body"), join(directory, "log")];
    writeFileSync(body, bodies[0] ?? "");
    writeFileSync(log, "");
    const streams = Math.max(1, Math.round(inFlight / connections));
    const fields = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
    const load = [`-c${Math.min(inFlight, connections)}`, `-m${streams}`, "-t1", `-D${whole(seconds)}`];
    const args = [...load, "-d", body, `--log-file=${log}`, ...fields, `http://127.0.0.1:${port}${path}`];
    const { out, cores } = await run("h2load", args, pressure);
    const [, rate] = /finished in [\d.]+\w+, ([\d.]+) req\/s/.exec(out) ?? [];
    const [, failed, errored] = /succeeded, (\d+) failed, (\d+) errored/.exec(out) ?? [];
    if (rate === undefined || failed !== "0" || errored !== "0")
      throw new Error(`h2load reported failures: ${out}`);
    const micros = readFileSync(log, "utf8")
      .split("\n")
      .flatMap((line) => {
        const [, , time] = line.split("\t");
        return time === undefined ? [] : [Number(time)];
      })
      .sort((a, b) => a - b);
    const at = (share: number) => (micros[Math.floor(micros.length * share)] ?? Number.NaN) / 1e3;
    return { perSecond: Number(rate), p50: at(0.5), p99: at(0.99), cores };
  });
}

// Both generators take whole seconds, and at least one.
const whole = (seconds: number) => Math.max(1, Math.round(seconds));

async function inDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

// The server runs alone on core 0.
async function run(name: string, args: string[], { serverPid, seconds, pinned: bound = true }: Pressure) {
  const cores = bound ? "1" : "0,1";
  const [file = name, ...all] = pinned ? ["taskset", "-c", cores, name, ...args] : [name, ...args];
  const before = cpuSeconds(serverPid);
  const child = spawn(file, all, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (out += chunk));
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${out}`);
  return { out, cores: (cpuSeconds(serverPid) - before) / whole(seconds) };
}

// Returns a Lua string with these bytes.
function quote(text: string | Uint8Array): string {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  let quoted = "";
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    quoted += plain ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, "0")}`;
  }
  return `"${quoted}"`;
}
