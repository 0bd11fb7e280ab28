import { randomBytes } from "node:crypto";
import type { DescMessage } from "@bufbuild/protobuf";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict, VerdictSchema } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { type LatchkeyClient, LatchkeyError } from "../../client/client.ts";
import { isLoopback } from "../../config/parse.ts";
import { curlOf, type ShownCall } from "./curl.ts";

/** What `latchkey try` depends on. */
export interface TryDeps {
  url: string;
  /** Returns a client of a bearer, or of no bearer. The caller closes it. */
  clientOf(token?: string): LatchkeyClient;
  /** The token of a key that may verify every token, and where it was found. Unset: the new owner verifies. */
  verifier?: { token: string; source: string } | undefined;
  write(text: string): void;
}

/** What `latchkey try` did. */
export interface Tried {
  accountId: string;
  keyId: string;
  /** The verdicts about the key: before and after it was revoked. */
  verdicts: string[];
}

/** Returns whether a URL leads to this machine. */
export function isOnThisMachine(url: string): boolean {
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ""));
}

/** Throws an error of one line if the server of a URL may belong to other people, because this command makes an account there. */
export function requireLoopback(url: string): void {
  if (isOnThisMachine(url)) return;
  throw new Error(
    `${url} is not on this machine, and this command creates an account there; if that is intended, name it: --url ${url}`,
  );
}

/**
 * Signs up, issues a key, verifies it, revokes it and verifies it again. Writes each call with its form for curl. Throws if a
 * verdict is wrong.
 */
export async function tryLatchkey(deps: TryDeps): Promise<Tried> {
  const { url, clientOf, verifier, write } = deps;
  const story = createStory(url, write);
  write(`The server is ${url}. $NAME stands for a secret, which no output shows.\n`);

  const email = `try-${randomBytes(5).toString("hex")}@example.com`;
  const signUp = (password: string) => ({ email, password, name: "Me", accountName: "Acme" });
  story.call("Sign up", { method: SessionService.method.signUp, request: signUp("$PASSWORD") });
  const signedUp = await clientOf().sessions.signUp(signUp(randomBytes(18).toString("base64url")));
  const accountId = signedUp.account?.metadata?.id ?? "";
  story.result(`account ${accountId}; $SESSION is the "token" of the response`);

  const me = clientOf(signedUp.token);
  const bearer = "$SESSION";
  const create = { metadata: { name: "my first key" }, spec: { permissions: ["agents:read"] } };
  const { createApiKey, revokeApiKey } = ApiKeyService.method;
  story.call("Issue a key", { method: createApiKey, request: create, bearer });
  const { apiKey } = await me.apiKeys.createApiKey(create);
  const keyId = apiKey?.metadata?.id ?? "";
  story.result(`key ${keyId}; $KEY is its "spec.token", which is shown only once`);

  if (verifier)
    write(`\n   $VERIFIER is the content of ${verifier.source}. Your services verify with such a key.\n`);
  const check = checker(deps, story, verifier ? clientOf(verifier.token) : me, apiKey?.spec?.token ?? "");
  const before = await check("Verify the key, as your service does", Verdict.VALID);
  story.call("Revoke it", { method: revokeApiKey, request: { id: keyId }, bearer });
  const began = performance.now();
  await me.apiKeys.revokeApiKey({ id: keyId });
  story.result(`after ${Math.ceil(performance.now() - began)} ms, no instance accepts the key any more`);
  const after = await check("Verify it again", Verdict.REVOKED);
  return { accountId, keyId, verdicts: [before, after] };
}

/** Writes the numbered steps of a story. */
function createStory(url: string, write: (text: string) => void) {
  let number = 0;
  return {
    call<I extends DescMessage>(title: string, call: ShownCall<I>): void {
      number += 1;
      write(`\n${number}. ${title}\n   ${curlOf(url, call)}\n`);
    },
    result: (text: string) => write(`   -> ${text}\n`),
  };
}

/** Returns a function that verifies the key, and throws if the verdict is not the expected one. */
function checker(
  { url, verifier }: TryDeps,
  story: ReturnType<typeof createStory>,
  caller: LatchkeyClient,
  token: string,
) {
  const requestOf = (one: string) => ({ token: one, requiredPermissions: ["agents:read"] });
  return async (title: string, expected: Verdict): Promise<string> => {
    const { verifyToken: method } = TokenService.method;
    story.call(title, { method, request: requestOf("$KEY"), bearer: verifier ? "$VERIFIER" : "$SESSION" });
    const call = caller.tokens.verifyToken(requestOf(token));
    const { verdict } = await ofThisServer(call, url, verifier?.source);
    const name = VerdictSchema.value[verdict]?.name ?? String(verdict);
    story.result(name);
    if (verdict === expected) return name;
    throw new Error(
      `the verdict is ${name}, not ${VerdictSchema.value[expected]?.name}: report this as a bug`,
    );
  };
}

const wrongKey = ["INVALID_API_KEY", "REVOKED_API_KEY", "EXPIRED_API_KEY", "DISABLED_API_KEY"];

// The key file may be that of another server.
async function ofThisServer<T>(call: Promise<T>, url: string, source: string | undefined): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (source === undefined || !(error instanceof LatchkeyError) || !wrongKey.includes(error.reason))
      throw error;
    throw new Error(
      `the server at ${url} refuses the key in ${source} (${error.reason}): it is of another server. Run this command where the server runs`,
      { cause: error },
    );
  }
}
