// Fails if the schema breaks clients of the last release. Passes before the first release.
import { spawnSync } from "node:child_process";

const tags = spawnSync("git", ["tag", "--list", "v*", "--sort=-version:refname"], { encoding: "utf8" });
const [release] = (tags.stdout ?? "").split("\n").filter((tag) => tag !== "");
if (release === undefined) process.stdout.write("schema: nothing is released yet\n");
else {
  const { status } = spawnSync("buf", ["breaking", "--against", `.git#tag=${release}`], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}
