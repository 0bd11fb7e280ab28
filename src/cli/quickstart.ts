import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";

/**
 * Returns the text that is printed after a start on an embedded database: where the keys are, and three commands to paste
 * that sign up, issue a key and verify it. Tokens travel in files and pipes, never as arguments.
 */
export function quickstart(url: string, keys: { platform: string; verifier: string }): string {
  const dir = dirname(keys.platform);
  const [me, key] = [quote(join(dir, "me")), quote(join(dir, "key.json"))];
  const post = `curl -sS -H 'content-type: application/json'`;
  // A response without a token is an error, which goes to stderr.
  const keepToken = (file: string, before: string, after: string) =>
    `sed -n -e 's/.*"token":"\\([^"]*\\)".*/${before}\\1${after}/p' -e '/"code":/w /dev/stderr' > ${file}`;
  // A new e-mail address at each start, so that the commands work at each start.
  const email = `me-${randomBytes(2).toString("hex")}@example.com`;
  const signUp = `{"email":"${email}","password":"correct horse battery","name":"Me","accountName":"Acme"}`;
  const create = `{"metadata":{"name":"my first key"},"spec":{"permissions":["agents:read"]}}`;
  return `
The platform key is in ${keys.platform}, and a key that can only verify in ${keys.verifier}.
Paste these: sign up, issue a key, verify it.

  (umask 077; echo '${signUp}' | ${post} -d @- ${url}/latchkey.v1.SessionService/SignUp | ${keepToken(me, "Authorization: Bearer ", "")})

  (umask 077; echo '${create}' | ${post} -H @${me} -d @- ${url}/latchkey.v1.ApiKeyService/CreateApiKey | ${keepToken(key, '{"token":"', '"}')})

  sed 's/^/Authorization: Bearer /' ${quote(keys.verifier)} | ${post} -H @- -d @${key} ${url}/latchkey.v1.TokenService/VerifyToken

`;
}

// Quotes one word for a POSIX shell.
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
