import { resolve } from "node:path";
import type { LatchkeyClient } from "../client/client.ts";
import { readClientSettings } from "../config/client-settings.ts";
import type { Env } from "../config/reader.ts";
import { type CredentialStore, openCredentials } from "./credentials.ts";
import type { Definition, GlobalInput } from "./definition.ts";
import { failureOf, lastLogin, usageError } from "./failure.ts";
import { type Interruption, watchInterrupts } from "./interrupts.ts";
import { createOutput, type Output } from "./output.ts";
import { createProgress, type Progress } from "./progress.ts";
import { createSecretInput, readCertificate, requireToken, type SecretInput } from "./secret-input.ts";
import { serverUrl } from "./server-url.ts";
import { createTerminal } from "./terminal.ts";
import type { World } from "./world.ts";

/** What a command can use. */
export interface Context {
  readonly env: Env;
  readonly out: Output;
  readonly credentials: CredentialStore;
  /** The options of every command. */
  readonly globals: GlobalInput;
  /** Returns the address of the server. */
  url(): string;
  /** Returns a client that acts as the caller. Fails if there is no credential for the server. */
  client(): Promise<LatchkeyClient>;
  /** Returns where the token of `client()` is from, once it has one. */
  tokenSource(): string | undefined;
  /** Returns a client that acts with this token in this account, or without a token. */
  clientWith(token?: string, account?: string): Promise<LatchkeyClient>;
  /** Asks the person at the terminal for one line. */
  ask(question: string, byDefault?: string): Promise<string>;
  askSecret(question: string): Promise<string>;
  /** Whether there is a person to ask. */
  readonly isInteractive: boolean;
  /** Asks for confirmation. Fails if the answer is not yes, or if there is no terminal and no `--yes`. */
  confirm(question: string, options: { yes: boolean }): Promise<void>;
  progress(total: number): Progress;
  /** Secrets from files and from stdin. */
  readonly secrets: SecretInput;
  /**
   * Begins a time in which the first Ctrl-C aborts a signal. The second one calls `abandon`, and ends the process. Otherwise, the
   * first one ends it.
   */
  interruption(abandon?: () => void): Interruption;
  /** Returns the definitions of all commands. */
  commands(): Promise<readonly Definition[]>;
  /** Returns the complete path of the file that `--ca` names, because later commands run in other directories. */
  caFile(): string | undefined;
  /** Returns the certificate of `--ca`, else of the last login at the server, if there is one. */
  ca(): Promise<Buffer | undefined>;
  /** Ends what the command opened. */
  close(): void;
}

/** Creates the context of one command. It opens nothing before the command needs it. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: keeps the state that its parts share.
export function createContext(world: World, globals: GlobalInput, commands: Context["commands"]): Context {
  const { env, stdin, stdout, stderr } = world;
  const out = createOutput({ stdout, stderr, env, json: globals.json, quiet: globals.quiet });
  const credentials = openCredentials(env);
  const settings = readClientSettings(env);
  const terminal = createTerminal(world);
  const clients: LatchkeyClient[] = [];
  const secrets = createSecretInput(stdin);
  let isWarned = false;
  let tokenSource: string | undefined;

  // A token of the caller goes only to a server that the caller names.
  const hasOwnToken = Boolean(settings.token) || globals["token-file"] !== undefined;
  const url = () =>
    serverUrl(globals.url ?? settings.url ?? (hasOwnToken ? undefined : credentials.current()));

  async function ca(): Promise<Buffer | undefined> {
    const file = globals.ca ?? credentials.get(url())?.ca;
    return file === undefined ? undefined : readCertificate(file);
  }

  async function clientWith(token?: string, account?: string): Promise<LatchkeyClient> {
    // An empty variable may be a mistake. The caller expects neither the stored credential nor a call without one.
    if (settings.token === "")
      throw usageError("LATCHKEY_TOKEN is empty", "set it to a token, or unset it to use another credential");
    const at = url();
    // Also without a bearer, because a request may have a password or a token. --quiet hides notes, but not this.
    if (isPlainText(at) && !isWarned) {
      isWarned = true;
      stderr.write(
        `latchkey: warning: ${at} is plain HTTP, so others on the network can read passwords and tokens. Use https\n`,
      );
    }
    // Loading the client takes most of the start. Help and wrong arguments do not wait for it.
    const { createClient } = await import("../client/client.ts");
    const options = { url: at, token, account: globals.account ?? (account || undefined), retries: 2 };
    const client = createClient({ ...options, ca: await ca() });
    clients.push(client);
    return client;
  }

  async function client(): Promise<LatchkeyClient> {
    if (settings.token !== undefined) {
      tokenSource = "LATCHKEY_TOKEN";
      return clientWith(settings.token && requireToken(settings.token, tokenSource));
    }
    const file = globals["token-file"];
    if (file !== undefined) {
      tokenSource = file === "-" ? "stdin" : file;
      return clientWith(await secrets.token(file));
    }
    const kept = credentials.get(url());
    if (kept) {
      tokenSource = lastLogin;
      return clientWith(kept.token, kept.account);
    }
    throw failureOf(`no credential for ${url()}; run \`latchkey login\`, or set LATCHKEY_TOKEN`);
  }

  return {
    env,
    out,
    credentials,
    globals,
    commands,
    url,
    client,
    tokenSource: () => tokenSource,
    clientWith,
    secrets,
    ca,
    isInteractive: terminal.isThere,
    ask: terminal.ask,
    askSecret: terminal.askSecret,
    async confirm(question, { yes }) {
      if (yes) return;
      if (!terminal.isThere)
        throw usageError(`there is no terminal to ask "${question}"`, "add --yes to confirm");
      if (!/^y(es)?$/i.test(await terminal.ask(`${question} [y/N]`)))
        throw failureOf("not confirmed: nothing was changed");
    },
    progress: (total) => createProgress(stderr, total),
    interruption(abandon = () => {}) {
      // While a question is open, the terminal sends Ctrl-C as a character.
      terminal.close();
      return watchInterrupts(world, abandon);
    },
    caFile: () => (globals.ca === undefined ? undefined : resolve(globals.ca)),
    close() {
      terminal.close();
      for (const one of clients) one.close();
    },
  };
}

function isPlainText(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
