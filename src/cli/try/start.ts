import { readFileSync } from "node:fs";
import { createClient, type LatchkeyClient } from "../../client/client.ts";
import { readClientSettings } from "../../config/client-settings.ts";
import { readConfig } from "../../config/config.ts";
import type { Context } from "../context.ts";
import { localUrl } from "../doctor/server.ts";
import { keyFiles } from "../platform-key.ts";
import { readCertificate } from "../secret-input.ts";
import { serverUrl } from "../server-url.ts";
import { jsonText, visible } from "../text.ts";
import { isOnThisMachine, requireLoopback, tryLatchkey } from "./try.ts";

/** Runs `latchkey try` at the server of the settings, or at that of `--url`. */
export async function startTry({ env, globals, out }: Context): Promise<void> {
  const config = readConfig(env);
  // The last login may be at a server of other people, so it decides nothing here.
  const url = serverUrl(globals.url ?? readClientSettings(env).url ?? localUrl(config));
  if (globals.url === undefined) requireLoopback(url);
  const ca = globals.ca === undefined ? undefined : await readCertificate(globals.ca);
  const clients: LatchkeyClient[] = [];
  const clientOf = (token?: string) => {
    const client = createClient({ url, token, ca, retries: 2 });
    clients.push(client);
    return client;
  };
  const write = (text: string) => {
    if (out.format === "text")
      for (const line of text.replace(/\n$/, "").split("\n")) out.line(visible(line));
  };
  try {
    // The key in the data directory belongs to the server on this machine. It must never be sent to another machine.
    const verifier = isOnThisMachine(url) ? readVerifier(config.dataDir) : undefined;
    const tried = await tryLatchkey({ url, clientOf, verifier, write });
    if (out.format === "json") out.line(jsonText(tried, 2));
    else if (out.format === "ids") out.line(visible(tried.keyId));
    else write(`\nThe console is ${url}/console/. \`latchkey sign-up\` makes an account of your own.\n`);
  } finally {
    for (const client of clients) client.close();
  }
}

function readVerifier(dataDir: string): { token: string; source: string } | undefined {
  const { verifier: source } = keyFiles({ dataDir });
  try {
    return { token: readFileSync(source, "utf8").trim(), source };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "EACCES") return undefined;
    throw error;
  }
}
