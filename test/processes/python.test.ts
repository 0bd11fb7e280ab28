import { execFile } from "node:child_process";
import { globSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { useApp } from "../support/app.ts";
import { skipWithout } from "../support/missing-program.ts";
import { serve } from "../support/net/http.ts";
import { blocksOf } from "../support/server/page.ts";
import { scratchDirectory } from "../support/server/scratch.ts";

// The Python that Debian's packages belong to. Another one may come first in PATH.
const python = "/usr/bin/python3";
const packages = "apt-get install python3-grpcio protobuf-compiler libprotobuf-dev";
const proto = join(import.meta.dirname, "..", "..", "proto");
const app = useApp();
const run = promisify(execFile);

test("Debian's protoc reads every schema file", async (context) => {
  await skipWithout(context, "protoc", ["--version"], packages);
  const files = globSync("**/*.proto", { cwd: proto });
  expect(files.length).toBeGreaterThan(25);
  const { stderr } = await run("protoc", ["-I", proto, "--descriptor_set_out=/dev/null", ...files]);
  expect(stderr).toBe("");
});

test("the Python program of docs/clients.md signs up, issues a key and verifies it", async (context) => {
  await skipWithout(context, "protoc", ["--version"], packages);
  await skipWithout(context, python, ["-c", "import grpc, google.protobuf"], packages);
  const directory = scratchDirectory("python");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  symlinkSync(proto, join(directory, "proto"));
  const [generate = ""] = blocksOf("docs/clients.md", "Python", "sh");
  await run("bash", ["-euc", generate.replace(/^apt-get .*$/m, "")], { cwd: directory });

  const [program = ""] = blocksOf("docs/clients.md", "Python", "python");
  const { port } = await serve(app);
  writeFileSync(join(directory, "first.py"), program.replace("127.0.0.1:8080", `127.0.0.1:${port}`));
  const env = { PATH: process.env.PATH, PYTHONPATH: join(directory, "client") };
  const { stdout } = await run(python, ["first.py"], { cwd: directory, env, timeout: 60_000 });
  expect(stdout).toBe("True VERDICT_VALID\nUNAUTHENTICATED\n");
});
