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
  const dir = dirname(keys.platform);
  const [me, key] = [join(dir, "me"), join(dir, "key.json")];
  const post = `curl -sS -H 'content-type: application/json'`;
  // A response without a token is an error, which goes to stderr.
  const keepToken = (file: string, before: string, after: string) => {
    const [kept, made] = [quote(file), quote(`${file}.new`)];
    const extract = `sed -n -e 's/.*"token":"\\([^"]*\\)".*/${before}\\1${after}/p' -e '/"code":/w /dev/stderr'`;
    return `${extract} > ${made}; [ -s ${made} ] && mv ${made} ${kept} || rm ${made}`;
  };
  // Another e-mail address in each run, so that the commands can be repeated.
  const email = "me-'$(date +%s)$$'@example.com";
  const signUp = `{"email":"${email}","password":"correct horse battery","name":"Me","accountName":"Acme"}`;
  const create = `{"metadata":{"name":"my first key"},"spec":{"permissions":["agents:read"]}}`;
  const at = (method: string) => `${url}/latchkey.v1.${method}`;
  return [
    `(umask 077; echo '${signUp}' | ${post} -d @- ${at("SessionService/SignUp")} | ${keepToken(me, "Authorization: Bearer ", "")})`,
    `(umask 077; echo '${create}' | ${post} -H @${quote(me)} -d @- ${at("ApiKeyService/CreateApiKey")} | ${keepToken(key, '{"token":"', '"}')})`,
    `sed 's/^/Authorization: Bearer /' ${quote(keys.verifier)} | ${post} -H @- -d @${quote(key)} ${at("TokenService/VerifyToken")}`,
  ];
}

// Quotes one word for a POSIX shell.
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
