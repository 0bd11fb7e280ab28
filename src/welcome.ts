import { dirname } from "node:path";

/**
 * What a person sees who starts Latchkey on an embedded database: where the keys are, and three commands to paste that
 * sign up, issue a key and verify it. Tokens travel in files and pipes, never as arguments.
 */
export function welcome(url: string, keys: { platform: string; verifier: string }): string {
  const dir = dirname(keys.platform);
  const post = `curl -sS -H 'content-type: application/json'`;
  const keepToken = (file: string, before: string, after: string) =>
    `sed -n 's/.*"token":"\\([^"]*\\)".*/${before}\\1${after}/p' > ${file}`;
  const signUp = `{"email":"me@example.com","password":"correct horse battery","name":"Me","accountName":"Acme"}`;
  const create = `{"metadata":{"name":"my first key"},"spec":{"permissions":["agents:read"]}}`;
  return `
The platform key is in ${keys.platform}, and a key that can only verify in ${keys.verifier}.
Paste these: sign up, issue a key, verify it.

  umask 077; echo '${signUp}' | ${post} -d @- ${url}/latchkey.v1.SessionService/SignUp | ${keepToken(`${dir}/me`, "Authorization: Bearer ", "")}

  echo '${create}' | ${post} -H @${dir}/me -d @- ${url}/latchkey.v1.ApiKeyService/CreateApiKey | ${keepToken(`${dir}/key.json`, '{"token":"', '"}')}

  sed 's/^/Authorization: Bearer /' ${keys.verifier} | ${post} -H @- -d @${dir}/key.json ${url}/latchkey.v1.TokenService/VerifyToken

`;
}
