import { dirname, join } from "node:path";

/** The paths of the two key files of an embedded database. */
export interface QuickstartKeys {
  platform: string;
  verifier: string;
}

/** Returns the text that is printed after a start on an embedded database: where the keys are, and commands to paste. */
export function quickstart(url: string, keys: QuickstartKeys): string {
  const commands = quickstartCommands(url, keys).map((command) => `  ${command}\n`);
  return `
The platform key is in ${keys.platform}, and a key that can only verify in ${keys.verifier}.
Paste these: sign up, issue a key, verify it.

${commands.join("\n")}
`;
}

/**
 * Returns three commands for a POSIX shell that sign up, issue a key and verify it. Tokens travel in files and pipes, never as
 * arguments. The commands work any number of times. If a call fails, they show the error and keep the files of the last run.
 */
export function quickstartCommands(url: string, keys: QuickstartKeys): string[] {
  const file = (name: string) => quote(join(dirname(keys.platform), name));
  const post = `curl -sS --fail-with-body`;
  // The answer goes to a file of its own. If it has no token, it is an error, and the files of the last run stay.
  const keep = (answer: string, kept: string, line: string) =>
    `-o ${file(answer)} && sed 's/${line}/' ${file(answer)} > ${file(kept)} || grep '"success":false' ${file(answer)} >&2`;
  const asHeader = String.raw`.*"token":"\([^"]*\)".*/Authorization: Bearer \1`;
  const asBody = String.raw`.*\("token":"[^"]*"\).*/{\1}`;
  // Another e-mail address in each run, so that the commands can be repeated.
  const email = "me-'$(date +%s)$$'@example.com";
  const signUp = `{"email":"${email}","password":"correct horse battery","name":"Me","accountName":"Acme"}`;
  const create = `{"metadata":{"name":"my first key"},"spec":{"permissions":["agents:read"]}}`;
  return [
    `(umask 077; echo '${signUp}' | ${post} --json @- ${url}/v1/auth/signup ${keep("me.json", "me", asHeader)})`,
    `(umask 077; ${post} -H @${file("me")} --json '${create}' ${url}/v1/account/api_keys ${keep("made.json", "key.json", asBody)})`,
    `sed 's/^/Authorization: Bearer /' ${quote(keys.verifier)} | curl -sS -H @- --json @${file("key.json")} ${url}/v1/tokens:verify`,
  ];
}

// Quotes one word for a POSIX shell.
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
