import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { changeOf } from "../../src/cli/metadata.ts";
import { rateLimitsOf } from "../../src/cli/rate-limit-text.ts";
import { execute } from "../../src/cli/run.ts";
import { futureTimeOf, labelsOf, pastTimeOf } from "../../src/cli/values.ts";
import { newMember, newSession, newTeam } from "../support/actors/actors.ts";
import { newWorkspace } from "../support/app.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const scene = useCliScene(app);

/** Returns the clients of the owner in the first account, with a session of their own. */
async function ownerClients() {
  const account = scene.owner.account.metadata?.id ?? "";
  return app.clientAs(await newSession(app, scene.owner.email), { "latchkey-account": account });
}

/** Starts a command that runs until Ctrl-C. */
function start(args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let written = "";
  const changed: (() => void)[] = [];
  stdout.setEncoding("utf8").on("data", (text: string) => {
    written += text;
    for (const wake of changed.splice(0)) wake();
  });
  let interrupt = () => {};
  const ended = execute(args, {
    env: scene.env,
    stdin: new PassThrough(),
    stdout,
    stderr,
    onInterrupt: (listener) => {
      interrupt = listener;
      return () => {};
    },
  });
  return {
    ended,
    lines: () => written.trim().split("\n"),
    interrupt: () => interrupt(),
    async until(pattern: RegExp): Promise<void> {
      while (!pattern.test(written)) await new Promise<void>((resolve) => changed.push(resolve));
    },
  };
}

test("audit --follow shows each new event once, as it comes, and ends with Ctrl-C", async () => {
  const { workspaceAdmin } = await ownerClients();
  await workspaceAdmin.createWorkspace({ metadata: { name: "before" } });
  const follower = start(["audit", "--follow", "--method", "WorkspaceAdminService/CreateWorkspace"]);
  await follower.until(/"before"/);
  await workspaceAdmin.createWorkspace({ metadata: { name: "first" } });
  await follower.until(/"first"/);
  await workspaceAdmin.createWorkspace({ metadata: { name: "second\u001b[2J" } }).catch(() => undefined);
  await workspaceAdmin.createWorkspace({ metadata: { name: "third" } });
  await follower.until(/"third"/);
  follower.interrupt();
  expect(await follower.ended).toBe(0);
  const names = follower.lines().map((line) => /"(\w+)"/.exec(line)?.[1]);
  expect(names).toEqual(["before", "first", "third"]);
  for (const line of follower.lines())
    expect(line).toMatch(/^\d{4}-\d\d-\d\d \S+ {2}Person \d+ {2}WorkspaceAdmin/);
});

test("audit --follow --json writes each event as one line", async () => {
  const { workspaceAdmin } = await ownerClients();
  await workspaceAdmin.createWorkspace({ metadata: { name: "in json" } });
  const follower = start(["audit", "--follow", "--json", "--limit", "1"]);
  await follower.until(/\n/);
  follower.interrupt();
  expect(await follower.ended).toBe(0);
  expect(JSON.parse(follower.lines()[0] ?? "")).toMatchObject({ outcome: "AUDIT_OUTCOME_DONE", count: 1 });
});

test("after account switch, later commands act in that account, and an account of others is refused", async () => {
  const created = await scene.run(["account", "create", "--name", "Second", "--quiet"]);
  const id = created.stdout.trim();
  expect(await scene.run(["account", "switch", id])).toMatchObject({ code: 0 });
  expect((await scene.run(["account", "get", "--quiet"])).stdout.trim()).toBe(id);
  const first = scene.owner.account.metadata?.id ?? "";
  expect((await scene.run(["account", "get", "--quiet", "--account", first])).stdout.trim()).toBe(first);
  const foreign = (await app.newAccount()).account.metadata?.id ?? "";
  expect(await scene.run(["account", "switch", foreign])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("is not an account of this user"),
  });
  expect(await scene.run(["account", "switch", first])).toMatchObject({ code: 0 });
});

test("an accepted invite leaves its session in the credential file, and shows no token", async () => {
  const invited = await scene.run([
    "invite",
    "create",
    "nouns@example.com",
    "--role",
    "viewer",
    "--out",
    "unused/x",
  ]);
  expect(invited).toMatchObject({ code: 1, stderr: expect.stringContaining("its directory does not exist") });
  const tokenFile = join(scene.directory, "invite-token");
  const line = ["invite", "create", "nouns@example.com", "--role", "viewer", "--out", tokenFile, "--quiet"];
  const { stdout } = await scene.run(line);
  expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
  const env = { XDG_CONFIG_HOME: join(scene.directory, "newcomer") };
  const password = scene.file("newcomer-password", "correct horse battery staple");
  const options = ["--invite-token-file", tokenFile, "--name", "New", "--password-file", password];
  const accepted = await scene.run(["invite", "accept", stdout.trim(), ...options, "--json"], { env });
  expect(accepted.code).toBe(0);
  expect(JSON.parse(accepted.stdout)).toMatchObject({ token: "" });
  const me = await scene.run(["whoami"], { env });
  expect(me.stdout).toContain("nouns@example.com");
});

test("without a terminal, a command that ends something needs --yes, and changes nothing before", async () => {
  const owner = await ownerClients();
  const team = await newTeam(owner);
  const refused = await scene.run(["team", "delete", team]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
  expect((await scene.run(["team", "get", team])).code).toBe(0);
  const answered = await scene.run(["team", "delete", team], { answers: ["n"] });
  expect(answered).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing was changed") });
  expect((await scene.run(["team", "delete", team], { answers: ["y"] })).code).toBe(0);
  expect((await scene.run(["team", "get", team])).code).toBe(1);
});

test("a token is never lost: --quiet needs --out, and a refused call leaves no file", async () => {
  const quiet = await scene.run(["system-key", "rotate", "--yes", "--quiet"]);
  expect(quiet).toMatchObject({ code: 2, stderr: expect.stringContaining("--out FILE") });
  const owner = await ownerClients();
  const viewer = await newMember(app, owner, "viewer");
  const file = join(scene.directory, "refused-token");
  const env = { LATCHKEY_TOKEN: viewer.token };
  const refused = await scene.run(["system-key", "rotate", "--yes", "--out", file], { env });
  expect(refused.code).toBe(1);
  expect(existsSync(file)).toBe(false);
  const kept = await scene.run(["system-key", "rotate", "--yes", "--grace", "1h", "--out", file, "--json"]);
  expect(kept.code).toBe(0);
  expect(readFileSync(file, "utf8")).toMatch(/^lk_svc_\w{64}\n$/);
  expect(JSON.parse(kept.stdout)).toMatchObject({ spec: { token: "" } });
});

test("the token of an invite is in the result or in a file, and a result without a token needs no file", async () => {
  const workspace = await newWorkspace(await ownerClients());
  const invitation = ["workspace", "add-member", workspace, "--email", "nouns.guest@example.com"];
  const opening = [
    "account",
    "open",
    "--name",
    "Globex",
    "--token-file",
    join(scene.directory, "platform-key"),
  ];
  const owner = ["--owner", "owner@example.com"];
  for (const args of [invitation, [...opening, ...owner]]) {
    const quiet = await scene.run([...args, "--quiet"]);
    expect(quiet).toMatchObject({ code: 2, stderr: expect.stringContaining("--out FILE") });
    const json = JSON.parse((await scene.run([...args, "--json"])).stdout);
    expect(json.invite.spec.token).toMatch(/^lk_inv_/);
    const file = join(scene.directory, `invite-${args[0]}`);
    const other = args.map((one) => one.replace("@", "2@"));
    const { stdout, stderr } = await scene.run([...other, "--out", file]);
    expect(stdout + stderr).not.toContain("lk_inv_");
    expect(readFileSync(file, "utf8")).toMatch(/^lk_inv_\w{64}\n$/);
  }
  const account = await scene.run([...opening, "--quiet"]);
  expect(account).toMatchObject({ code: 0, stdout: expect.stringMatching(/^acct_\w+\n$/) });
});

test("a viewer gets one line and exit code 1 for what the server refuses", async () => {
  const owner = await ownerClients();
  const viewer = await newMember(app, owner, "viewer");
  const env = { LATCHKEY_TOKEN: viewer.token };
  for (const args of [
    ["role", "create", "--name", "x"],
    ["account", "update", "--name", "x"],
    ["account", "suspend", "acct_x", "--yes"],
  ]) {
    const { code, stderr, stdout } = await scene.run(args, { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^latchkey: [^\n]+\n$/);
  }
});

test("an update changes exactly the fields that are set or cleared", () => {
  const field = fc.option(fc.string({ minLength: 1 }), { nil: undefined });
  const given = fc.record({
    name: field,
    description: field,
    "external-id": field,
    label: fc.constantFrom<string[]>([], ["env=prod"]),
    clear: fc.subarray(["description", "labels", "external-id"]),
    etag: fc.constant(undefined),
  });
  fc.assert(
    fc.property(given, (one) => {
      const wanted = [
        ["metadata.name", one.name !== undefined],
        ["metadata.labels", one.label.length > 0 || one.clear.includes("labels")],
        ["metadata.external_id", one["external-id"] !== undefined || one.clear.includes("external-id")],
        ["spec.description", one.description !== undefined || one.clear.includes("description")],
      ].flatMap(([path, isSet]) => (isSet ? [path] : []));
      const isBoth =
        (one.label.length > 0 && one.clear.includes("labels")) ||
        (one["external-id"] !== undefined && one.clear.includes("external-id")) ||
        (one.description !== undefined && one.clear.includes("description"));
      if (isBoth) expect(() => changeOf(one)).toThrow(/both set and in --clear/);
      else if (wanted.length === 0) expect(() => changeOf(one)).toThrow(/nothing to change/);
      else expect(changeOf(one).updateMask.paths).toEqual(wanted);
    }),
  );
});

test("a value that an option cannot have is a line that shows a right one", () => {
  const now = Date.parse("2026-11-22T06:40:00Z");
  expect(futureTimeOf("expires", "24h", now).seconds).toBe(BigInt((now + 86_400_000) / 1000));
  expect(pastTimeOf("since", "24h", now).seconds).toBe(BigInt((now - 86_400_000) / 1000));
  expect(pastTimeOf("since", "2026-11-01", now).seconds).toBe(BigInt(Date.parse("2026-11-01") / 1000));
  for (const text of ["yesterday", "2026-13-01", "24", "2026-11-22 06:40", ""]) {
    expect(() => pastTimeOf("since", text, now)).toThrow(/^--since: expected a duration such as 24h/);
  }
  expect(rateLimitsOf(["tokens=5000/1h,cost=10"])).toEqual([
    expect.objectContaining({
      name: "tokens",
      limit: 5000,
      cost: 10,
      period: expect.objectContaining({ seconds: 3600n }),
    }),
  ]);
  for (const text of ["tokens", "tokens=5000", "tokens=5000/h", "Tokens=1/1s", "tokens=1/1s,cost="]) {
    expect(() => rateLimitsOf([text])).toThrow(/expected a limit such as requests=100\/60s/);
  }
  expect(labelsOf(["env=prod", "note=a=b", "empty=", "__proto__=p"])).toEqual({
    env: "prod",
    note: "a=b",
    empty: "",
    ["__proto__"]: "p",
  });
  for (const labels of [["env"], ["=prod"], ["env=a", "env=b"]])
    expect(() => labelsOf(labels)).toThrow(/^--label/);
});
