import { execFile } from "node:child_process";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../support/imports.ts";
import { serve } from "../support/net/http.ts";
import { recordAnswers } from "../support/openapi/recorder.ts";
import { scratchDirectory } from "../support/server/scratch.ts";
import { useSharedApp } from "../support/shared-app.ts";

// What a user of the generated client writes. It is compiled against the client.
const program = `
import * as latchkey from "./client.ts";

export async function keyFlow(baseUrl: string, email: string, password: string, verifier: string) {
  latchkey.defaults.baseUrl = baseUrl;
  const as = (token: string) => ({ headers: { authorization: "Bearer " + token } });
  const isValid = async (token: string): Promise<[boolean, latchkey.Verdict]> => {
    const verified = await latchkey.verifyToken({ token, requiredPermissions: ["agents:read"] }, {}, as(verifier));
    if (verified.status !== 200) throw new Error("not verified: " + verified.status);
    return [verified.data.valid, verified.data.verdict];
  };

  const signedUp = await latchkey.signUp({ email, password, name: "Ada", accountName: "Acme" });
  if (signedUp.status !== 200) throw new Error("not signed up: " + signedUp.status);
  const me = as(signedUp.data.token);

  const spec = { permissions: ["agents:read"], environment: "ENVIRONMENT_TEST" as const };
  const created = await latchkey.createApiKey({ metadata: { name: "CI", labels: { env: "prod" } }, spec }, {}, me);
  if (created.status !== 200) throw new Error("not created: " + created.status);
  const { metadata: { id = "" } = {}, spec: { token: first = "" } = {} } = created.data;
  const issued = await isValid(first);

  const rotated = await latchkey.rotateApiKey(id, { gracePeriod: "0s" }, {}, me);
  if (rotated.status !== 200) throw new Error("not rotated: " + rotated.status);
  const second = rotated.data.spec?.token ?? "";
  const afterRotation = [await isValid(first), await isValid(second)];

  const listed = await latchkey.listApiKeys({ labels: "env=prod", limit: 1, includeInfo: true }, me);
  const names = listed.status === 200 ? listed.data.items.map((key) => key.metadata?.name) : [];

  const revoked = await latchkey.revokeApiKey(id, {}, me);
  const state = revoked.status === 200 ? revoked.data.state : "none";
  const afterRevocation = await isValid(second);
  const refused = await latchkey.whoAmI({}, as(second));
  const code = refused.status === 401 ? refused.data.error.code : "none";
  // @ts-expect-error: the client knows that an error has no such code.
  const never = refused.status === 401 && refused.data.error?.code === "NOT_A_CODE";
  // @ts-expect-error: the client knows that a name is text.
  const wrong = () => latchkey.createApiKey({ metadata: { name: 1 } });
  return { issued, afterRotation, names, state, afterRevocation, code, never, wrong: typeof wrong };
}
`;

type KeyFlow = (baseUrl: string, email: string, password: string, verifier: string) => Promise<unknown>;

const app = useSharedApp();
const run = promisify(execFile);
const folder = scratchDirectory("client");

beforeAll(async () => {
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "use.ts"), program);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const generator = join(root, "node_modules", "oazapfts", "dist", "cli.js");
  await run(process.execPath, [generator, join(root, "gen", "openapi.json"), join(folder, "client.ts")]);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function compile(): Promise<void> {
  const compiler = join(root, "node_modules", ".bin", "tsc");
  const options = ["--strict", "--skipLibCheck", "--rewriteRelativeImportExtensions", "--module", "nodenext"];
  const platform = ["--target", "es2024", "--lib", "es2024,dom,dom.iterable", "--types", ""];
  try {
    await run(compiler, [...options, ...platform, "use.ts"], { cwd: folder });
  } catch (error) {
    // The compiler writes its errors to stdout.
    throw new Error((error as { stdout?: string }).stdout, { cause: error });
  }
}

test("a client that oazapfts generates compiles strictly, and issues, rotates, verifies and revokes a key", async () => {
  await compile();
  const { keyFlow } = (await import(pathToFileURL(join(folder, "use.js")).href)) as { keyFlow: KeyFlow };

  const { url } = await serve(app);
  const recording = recordAnswers();
  try {
    const seen = await keyFlow(url, "ada.generated@example.com", "a horse with a battery", app.platformToken);
    expect(seen).toEqual({
      issued: [true, "VERDICT_VALID"],
      afterRotation: [
        [false, "VERDICT_REVOKED"],
        [true, "VERDICT_VALID"],
      ],
      names: ["CI"],
      state: "API_KEY_STATE_REVOKED",
      afterRevocation: [false, "VERDICT_REVOKED"],
      code: "REVOKED_API_KEY",
      never: false,
      wrong: "function",
    });
    const called = [
      "signUp",
      "createApiKey",
      "verifyToken",
      "rotateApiKey",
      "listApiKeys",
      "revokeApiKey",
      "whoAmI",
    ];
    expect([...recording.operations].sort()).toEqual(called.sort());
  } finally {
    recording.end();
  }
});
