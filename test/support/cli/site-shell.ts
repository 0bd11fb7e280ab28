import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { inject, onTestFinished } from "vitest";
import type { Site } from "../server/serve.ts";
import { openPty } from "./pty.ts";

/** Returns the shell of a person: its directory, and `latchkey` on its PATH, in the form that the tests of a run start. */
export function shellOf(site: Site, url: string) {
  const home = dirname(site.dataDir);
  const bin = join(home, "bin");
  mkdirSync(bin, { recursive: true });
  if (!existsSync(join(bin, "latchkey"))) {
    writeFileSync(
      join(bin, "latchkey"),
      `#!/bin/sh\nexec '${process.execPath}' '${inject("programs").latchkey}' "$@"\n`,
      {
        mode: 0o755,
      },
    );
  }
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: home,
    LATCHKEY_URL: url,
    TERM: "xterm",
    NODE_COMPILE_CACHE: inject("compileCache"),
  };
  return { home, env, pty: (command: string) => openPty(command, { cwd: home, env }) };
}

/** Passes requests to a server. The answer of the nth request to these paths waits until `release`. Ends with the test. */
export async function openGate(url: string, paths: RegExp, nth = 1) {
  let seen = 0;
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const gate = createServer(async (request, response) => {
    const body = await buffer(request);
    const isNth = paths.test(request.url ?? "") && ++seen === nth;
    const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      ["host", "connection", "transfer-encoding", "content-length"].includes(name)
        ? []
        : [[name, String(value)]],
    );
    const answer = await fetch(`${url}${request.url}`, { method: request.method ?? "", headers, body });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (isNth) {
      held.resolve();
      await released.promise;
    }
    response
      .writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" })
      .end(bytes);
  });
  gate.listen(0, "127.0.0.1");
  await once(gate, "listening");
  onTestFinished(() => void gate.close().closeAllConnections());
  const { port } = gate.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, held: held.promise, release: released.resolve };
}
