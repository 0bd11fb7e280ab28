import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ApiKeyState } from "../../gen/latchkey/v1/api_key_pb.ts";
import { manyKeys } from "../support/actors/many-keys.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const scene = useCliScene(app);

/** Issues keys with a label of their own. */
async function labelled(env: string, count: number) {
  for (let n = 0; n < count; n++)
    await issueKey(scene.owner, { metadata: { name: `${env} ${n}`, labels: { env } } });
}

test("create shows the token once, and get never does", async () => {
  const workspaceId = await newWorkspace(scene.owner);
  const made = await scene.run([
    "key",
    "create",
    "--name",
    "Import",
    "--permission",
    "runs:start",
    "--workspace",
    workspaceId,
    "--label",
    "env=prod",
    "--json",
  ]);
  expect(made).toMatchObject({ code: 0, stderr: "Save the token now: it is not shown again.\n" });
  const { metadata, spec } = JSON.parse(made.stdout);
  expect(metadata).toMatchObject({ name: "Import", labels: { env: "prod" } });
  expect(spec).toMatchObject({ permissions: ["runs:start"], workspaceScope: "WORKSPACE_SCOPE_SELECTED" });
  const { principal } = await app.clientAs(spec.token).profiles.whoAmI({});
  expect(principal).toMatchObject({ keyId: metadata.id, workspaceIds: [workspaceId] });
  const shown = await scene.run(["key", "get", metadata.id]);
  expect(shown.stdout).toContain("Import");
  expect(shown.stdout).not.toContain(spec.token);
});

test("with --out, the token is in a new private file and in no output", async () => {
  const file = join(scene.directory, "new-token");
  const made = await scene.run(["key", "create", "--name", "Out", "--out", file, "--json"]);
  const token = readFileSync(file, "utf8").trim();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(made.stdout + made.stderr).not.toContain(token);
  const { metadata, spec } = JSON.parse(made.stdout);
  expect(spec.token).toBe("");
  expect((await app.clientAs(token).profiles.whoAmI({})).principal?.keyId).toBe(metadata.id);
  // The file is not overwritten, and then no key is created.
  const again = await scene.run(["key", "create", "--name", "Out again", "--out", file]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/exists and is not overwritten/) });
  expect((await scene.owner.apiKeys.listApiKeys({ query: "Out again" })).items).toEqual([]);
});

test("a refused creation leaves no file behind", async () => {
  const file = join(scene.directory, "refused");
  const end = await scene.run(["key", "create", "--name", "x", "--kind", "service", "--out", file]);
  expect(end).toMatchObject({ code: 1, stdout: "" });
  expect(end.stderr).toMatch(/^latchkey: spec\.service_account_id: [^\n]+\n$/);
  expect(existsSync(file)).toBe(false);
});

test("--quiet without --out creates no key, because its token would be lost", async () => {
  const end = await scene.run(["key", "create", "--name", "Quiet", "--quiet"]);
  expect(end).toMatchObject({ code: 2, stderr: expect.stringMatching(/add --out FILE/) });
  expect((await scene.owner.apiKeys.listApiKeys({ query: "Quiet" })).items).toEqual([]);
});

test("a key lives through disable, enable, grant, ungrant, update, rotate and revoke", async () => {
  const key = await issueKey(scene.owner);
  const workspaceId = await newWorkspace(scene.owner, "The archive");
  const run = async (...args: string[]) => JSON.parse((await scene.run(["key", ...args, "--json"])).stdout);
  expect(await run("disable", key.id)).toMatchObject({ state: "API_KEY_STATE_DISABLED" });
  expect(await run("enable", key.id)).toMatchObject({ state: "API_KEY_STATE_ACTIVE" });
  expect(await run("grant", key.id, workspaceId)).toMatchObject({ info: { workspacesTotal: 1 } });
  const listed = await scene.run(["key", "workspaces", key.id]);
  expect(listed.stdout).toMatch(/The archive/);
  expect(await run("ungrant", key.id, workspaceId)).toMatchObject({ info: { workspacesTotal: 0 } });
  const changed = await run("update", key.id, "--name", "New name", "--label", "team=ai", "--expires", "90d");
  expect(changed).toMatchObject({
    metadata: { name: "New name", labels: { team: "ai" } },
    spec: { expiresAt: expect.any(String) },
  });
  expect(await run("update", key.id, "--expires", "never")).not.toHaveProperty("spec.expiresAt");
  const { spec } = await run("rotate", key.id);
  // The default grace period keeps both tokens.
  for (const token of [key.token, spec.token]) await app.clientAs(token).profiles.whoAmI({});
  expect(await run("rotate", key.id, "--grace", "0")).toMatchObject({ info: { tokens: [{}] } });
  expect(await run("revoke", key.id)).toMatchObject({ state: "API_KEY_STATE_REVOKED" });
});

test("list filters, writes ids with --quiet, and reads every page with --all", async () => {
  await manyKeys(app, scene.owner, 205, { labels: { env: "paged" } });
  const ids = async (...args: string[]) =>
    (await scene.run(["key", "list", "--label", "env=paged", "--quiet", ...args])).stdout.trim().split("\n");
  expect((await ids()).length).toBe(50);
  expect((await ids("--limit", "203")).length).toBe(203);
  expect(new Set(await ids("--all")).size).toBe(205);
  const [oldest = ""] = await ids("--sort", "asc", "--limit", "1");
  await scene.owner.apiKeys.revokeApiKey({ id: oldest });
  expect(await ids("--state", "revoked")).toEqual([oldest]);
  const table = await scene.run(["key", "list", "--label", "env=paged"]);
  expect(table.stderr).toBe("there are more: add --all, or --limit NUMBER\n");
  const json = JSON.parse(
    (await scene.run(["key", "list", "--label", "env=paged", "--all", "--json"])).stdout,
  );
  expect(json).toMatchObject({ items: expect.any(Array), pagination: { nextCursor: "" } });
  expect(json.items.length).toBe(204);
});

test("a bulk revocation counts with --dry-run, needs a confirmation, and revokes only what matches", async () => {
  await labelled("bulk", 3);
  await labelled("kept", 1);
  const revoke = ["key", "revoke", "--label", "env=bulk"];
  const active = async () => (await scene.owner.apiKeys.listApiKeys({ labels: "env=bulk" })).items.length;
  expect(await scene.run([...revoke, "--dry-run"])).toMatchObject({ code: 0, stdout: "3 keys match\n" });
  expect(await scene.run(revoke)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/add --yes to confirm/),
  });
  expect(await scene.run(revoke, { answers: ["no"] })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/nothing was changed/),
  });
  expect(await active()).toBe(3);
  const done = await scene.run(revoke, { answers: ["y"] });
  expect(done).toMatchObject({ code: 0, stdout: "3 keys revoked; no instance accepts them any more\n" });
  expect(done.stderr).toMatch(/Revoke 3 keys permanently\? \[y\/N\]/);
  expect(done.stderr).toMatch(/\[#{30}\] 3 of 3/);
  expect(await active()).toBe(0);
  expect(await scene.run([...revoke, "--yes", "--json"])).toMatchObject({ code: 0 });
  expect(await scene.run(["key", "revoke", "--label", "env=kept", "--dry-run", "--quiet"])).toMatchObject({
    stdout: "1\n",
  });
});

test("revoke refuses a call that names neither keys nor a filter, and one that names both", async () => {
  const key = await issueKey(scene.owner);
  for (const args of [[], [key.id, "--label", "a=b"], [key.id, "--dry-run"]]) {
    expect(await scene.run(["key", "revoke", ...args, "--yes"]), args.join(" ")).toMatchObject({ code: 2 });
  }
  const { apiKey } = await scene.owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey?.state).toBe(ApiKeyState.ACTIVE);
});

test("if one of several keys fails, the others before it are changed, and the output says how many", async () => {
  const key = await issueKey(scene.owner);
  const end = await scene.run(["key", "disable", key.id, "key_00000000000000000000000000"]);
  expect(end).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^changed 1 of 2 keys; key_0+ failed\nlatchkey: API key not found; `latchkey key list` lists those of the account\n$/,
    ),
  });
});

test("a new key without an end is not in the list of unused keys, and not in a list of keys that expire soon", async () => {
  await labelled("fresh", 1);
  const fresh = ["key", "list", "--label", "env=fresh", "--quiet"];
  expect((await scene.run(fresh)).stdout).not.toBe("");
  expect((await scene.run([...fresh, "--unused-since", "1h"])).stdout).toBe("");
});
