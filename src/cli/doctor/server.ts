import { X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import type { Config } from "../../config/config.ts";
import { type Probed, type ProbeTrust, probe } from "../probe.ts";
import { versionIn } from "../server-version.ts";
import { clockFinding } from "./clock.ts";
import { type Finding, failed, messageOf, ok, skipped, warning } from "./finding.ts";

const check = "server";

/** What the check of a server needs. */
export interface ServerExamination {
  url: string;
  trust: ProbeTrust;
  /** The version of this program. */
  version: string;
  /** True: a server is expected there. False: it may be stopped. */
  expected: boolean;
  /** The certificate of the settings, which the server should serve. */
  cert?: Buffer | undefined;
}

/** Returns the address of the server of these settings on this machine, or undefined if it chooses its port itself. */
export function localUrl({ host, port, tls }: Pick<Config, "host" | "port" | "tls">): string | undefined {
  if (port === 0) return undefined;
  const every: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const name = every[host] ?? host;
  return `${tls ? "https" : "http"}://${isIPv6(name) ? `[${name}]` : name}:${port}`;
}

/** Checks that a server answers, can evaluate tokens, and has the version of this program. */
export async function examineServer(examination: ServerExamination): Promise<Finding[]> {
  const { url, trust, expected } = examination;
  try {
    const ready = await probe(url, "/readyz", trust);
    if (!/^(ready|not ready)/.test(ready.body)) return [notLatchkey(url, expected)];
    return [readiness(url, ready), ...certificate(examination, ready), ...(await version(examination))];
  } catch (error) {
    const why = messageOf(error);
    if (!expected && /ECONNREFUSED/.test(why)) return [skipped(check, `no server runs at ${url}`)];
    return [unreachable(url, error)];
  }
}

/** Checks a remote server with nothing but its address: the findings of `examineServer`, its clock and its certificate. */
export async function examineRemote(examination: ServerExamination, now: () => number): Promise<Finding[]> {
  const findings = await examineServer(examination);
  if (findings.some(({ outcome }) => outcome === "failed")) return findings;
  const sentAt = now();
  const { date } = await probe(examination.url, "/healthz", examination.trust);
  const receivedAt = now();
  if (date === undefined) return findings;
  // The header has whole seconds, so the clock shows half a second more on average.
  const precisionMs = 500 + (receivedAt - sentAt) / 2;
  const ms = date + 500 - (sentAt + receivedAt) / 2;
  return [...findings, clockFinding("server", { ms, precisionMs })];
}

function readiness(url: string, { status }: Probed): Finding {
  if (status === 200) return ok(check, `the server at ${url} can evaluate tokens`);
  const what = `the server at ${url} runs, but it is not ready`;
  const why = "It starts or stops, or it cannot reach its database. It refuses every call.";
  return failed(check, { what, why, remedy: "Read its log, and the findings about the database." });
}

function certificate({ cert }: ServerExamination, { fingerprint }: Probed): Finding[] {
  if (!cert || fingerprint === undefined) return [];
  if (new X509Certificate(cert).fingerprint256 === fingerprint) return [];
  const what = "the server serves another certificate than the one in LATCHKEY_TLS_CERT";
  const why = "The file was replaced after the start of the server.";
  return [warning("tls", { what, why, remedy: "Restart the server. It finishes running calls first." })];
}

async function version({ url, trust, version: own }: ServerExamination): Promise<Finding[]> {
  const { status, body } = await probe(url, "/openapi.json", trust);
  const theirs = status === 200 ? versionIn(body) : undefined;
  if (theirs === undefined) {
    const what = `the version of the server at ${url} is unknown`;
    const why = "It is older than this program, or a proxy does not pass /openapi.json.";
    return [warning("versions", { what, why, remedy: "Compare the versions with `latchkey --version`." })];
  }
  if (theirs === own) return [ok("versions", `the server has the same version, ${theirs}`)];
  const what = `the server has version ${theirs}, and this program ${own}`;
  const why = "This program may use calls that the server does not have.";
  return [warning("versions", { what, why, remedy: `Use \`latchkey\` ${theirs} for this server.` })];
}

function notLatchkey(url: string, expected: boolean): Finding {
  const what = `another program answers at ${url}`;
  if (expected) {
    const remedy = "Check the address. If a proxy serves Latchkey there, check that it passes /readyz.";
    return failed(check, { what, why: "No call succeeds.", remedy });
  }
  const why = "A server with these settings cannot listen there.";
  return failed(check, { what, why, remedy: "Stop that program, or choose another LATCHKEY_PORT." });
}

const selfSigned = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
];

function unreachable(url: string, error: unknown): Finding {
  const what = `the server at ${url} cannot be reached: ${messageOf(error)}`;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const remedy = selfSigned.includes(code)
    ? "Name the certificate of the authority that signed it: --ca FILE."
    : "Check the address, whether the server runs, and the firewall between.";
  return failed(check, { what, why: "No call succeeds.", remedy });
}
