import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished } from "vitest";
import { freePort } from "../../../src/db/embedded/address.ts";
import { blocksOf } from "../server/page.ts";
import { scratchDirectory } from "../server/scratch.ts";

/** A request as the service behind a gateway received it. */
export interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** The ports that a configuration connects. */
export interface Behind {
  latchkey: number;
  service: number;
  verifier: string;
}

/** Starts the service behind a gateway until the test ends. It answers with the request that it received, as JSON. */
export async function startService(): Promise<number> {
  const server = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const received: Received = { method, url, headers, body: await text(request) };
    response.end(JSON.stringify(received));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** Starts nginx with the configuration of docs/forward-auth.md. Returns its port. */
export async function startNginxOfPage(behind: Behind): Promise<number> {
  const [written = ""] = blocksOf("docs/forward-auth.md", "nginx", "nginx");
  const verifier = `proxy_set_header Latchkey-Verifier "${behind.verifier}";\n`;
  return startNginx((port) => withPorts(written, port, behind), { "latchkey-verifier.conf": verifier });
}

/** Starts nginx with these server blocks. Returns its port. */
export async function startNginx(
  serversAt: (port: number) => string,
  files: Record<string, string> = {},
): Promise<number> {
  const port = await freePort();
  const directory = ownDirectory("nginx");
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => {
    mkdirSync(join(directory, name));
    return `  ${name}_temp_path ${join(directory, name)};\n`;
  });
  writeFileSync(
    join(directory, "nginx.conf"),
    `daemon off;\npid ${join(directory, "pid")};\nerror_log stderr error;\nevents {}\nhttp {\n  access_log off;\n${places.join("")}${serversAt(port)}\n}\n`,
  );
  const args = ["-p", directory, "-e", "stderr", "-c", join(directory, "nginx.conf")];
  await startUntilListening("nginx", args, port, {});
  return port;
}

/** Starts Caddy with the configuration of docs/forward-auth.md. Returns its port. */
export async function startCaddyOfPage(behind: Behind): Promise<number> {
  const port = await freePort();
  const directory = ownDirectory("caddy");
  const [written = ""] = blocksOf("docs/forward-auth.md", "Caddy", "caddyfile");
  const options = "{\n\tadmin off\n\tauto_https off\n}\n";
  writeFileSync(join(directory, "Caddyfile"), options + withPorts(written, port, behind));
  const args = ["run", "--adapter", "caddyfile", "--config", join(directory, "Caddyfile")];
  await startUntilListening("caddy", args, port, {
    HOME: directory,
    XDG_DATA_HOME: directory,
    XDG_CONFIG_HOME: directory,
    LATCHKEY_VERIFIER: behind.verifier,
  });
  return port;
}

/** Starts HAProxy before a port, with shared connections to it. Returns its own port. */
export async function startHaproxy(backend: number): Promise<number> {
  const port = await freePort();
  const directory = ownDirectory("haproxy");
  const settings = [
    "defaults",
    "  mode http",
    "  timeout connect 2s",
    "  timeout client 1s",
    "  timeout http-request 1s",
    "  timeout server 1s",
    "  http-reuse always",
    "frontend front",
    `  bind 127.0.0.1:${port}`,
    "  default_backend back",
    "backend back",
    `  server one 127.0.0.1:${backend}`,
    "",
  ];
  writeFileSync(join(directory, "haproxy.cfg"), settings.join("\n"));
  await startUntilListening("haproxy", ["-db", "-f", join(directory, "haproxy.cfg")], port, {});
  return port;
}

// The text of a page has the ports that its reader uses.
function withPorts(written: string, port: number, { latchkey, service }: Behind): string {
  const replaced = written
    .replace(/^( *)listen 80;/m, `$1listen 127.0.0.1:${port};`)
    .replace(/^:80 /m, `http://127.0.0.1:${port} `)
    .replaceAll("127.0.0.1:8080", `127.0.0.1:${latchkey}`)
    .replaceAll("127.0.0.1:3000", `127.0.0.1:${service}`);
  expect(replaced).toContain(`127.0.0.1:${port}`);
  return replaced;
}

function ownDirectory(name: string): string {
  const directory = scratchDirectory(name);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

async function startUntilListening(
  program: string,
  args: string[],
  port: number,
  env: Record<string, string>,
): Promise<void> {
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, ...env },
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  const ended = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const listens = () => (hasEnded(child) ? Promise.reject(new Error(errors)) : canConnect(port));
  await expect.poll(listens).toBe(true);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const connected = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  socket.destroy();
  return connected;
}
