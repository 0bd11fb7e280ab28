import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../imports.ts";

/** Compiles programs in the folder of the consumer with all checks, runs them, and returns the output of each. */
export function runTyped(consumer: string, programs: readonly string[]): string[] {
  const names = programs.map((_, n) => `use${n}`);
  for (const [n, name] of names.entries()) writeFileSync(join(consumer, `${name}.mts`), programs[n] ?? "");
  const compiler = join(root, "node_modules", ".bin", "tsc");
  const options = ["--module", "nodenext", "--target", "es2024", "--strict", "--types", "node"];
  const types = ["--typeRoots", join(root, "node_modules", "@types"), "--checkers", "1"];
  const inConsumer = { cwd: consumer, encoding: "utf8" } as const;
  execFileSync(compiler, [...options, ...types, ...names.map((name) => `${name}.mts`)], inConsumer);
  return names.map((name) => execFileSync(process.execPath, [`${name}.mjs`], inConsumer));
}

/** Uses `latchkey/client` in ways that compile, and in ways that must not. */
export const clientProgram = `
  import { createClient, LatchkeyError, type LatchkeyClient } from "latchkey/client";
  const client: LatchkeyClient = createClient({ url: "http://127.0.0.1:1", retries: 0 });
  // @ts-expect-error: the types of the package know that this is a number.
  client.apiKeys.listApiKeys({ limit: "all" }).catch(() => {});
  // @ts-expect-error: streams belong to the guard.
  client.tokens.watchTokens;
  const error = await client.profiles.whoAmI({}).catch((reason: unknown) => reason);
  console.log(error instanceof LatchkeyError && error.reason);
  client.close();
`;

/** Uses `latchkey/proto`, `latchkey/guard` and its adapters in ways that compile, and in ways that must not. */
export const guardProgram = `
  import { createServer } from "node:http";
  import { create, toJson } from "@bufbuild/protobuf";
  import { createGuard, type Guard, type GuardVerdict } from "latchkey/guard";
  import { latchkey as gateOf } from "latchkey/guard/connect";
  import { latchkey, needs } from "latchkey/guard/express";
  import { latchkey as wrap } from "latchkey/guard/fetch";
  import { ErrorInfoSchema, TokenService, Verdict, VerifyTokenResponseSchema } from "latchkey/proto";
  const verdict: Verdict = Verdict.VALID;
  const response = create(VerifyTokenResponseSchema, { valid: true, verdict });
  // @ts-expect-error: the types of the package know that this is no text.
  response.valid = "yes";
  response.valid = true;
  console.log(TokenService.typeName, ErrorInfoSchema.typeName, toJson(VerifyTokenResponseSchema, response));

  const guard: Guard = createGuard({ url: "http://127.0.0.1:1", token: "lk_svc_x" });
  // @ts-expect-error: the types of the package know that this is a list.
  guard.verify("x", { permissions: "runs:start" });
  const wrong: GuardVerdict = await guard.verify("lk_live_wrong");
  const middleware = latchkey(guard, { optional: true });
  createServer((request, response) => middleware(request, response, () => needs("runs:start")));
  const handler: (request: Request) => unknown = wrap(guard)((_, access) => new Response(access?.principal.keyId));
  await guard.close();
  console.log(wrong.reason, typeof gateOf(guard), typeof handler);
`;
