import { mkdirSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { runCli } from "../support/cli/run-cli.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { selfSigned } from "../support/net/net.ts";
import { useSharedApp } from "../support/shared-app.ts";

const scene = useCliScene(useSharedApp());
const tls = selfSigned();
const unknownCall =
  /^latchkey: the server at \S+ is Latchkey 0\.0\.1 and does not know this call of Latchkey \d+\.\d+\.\d+: [^\n]*\n$/;

/** Starts a server of version 0.0.1, which knows no call, below a path. */
async function oldServer(path = ""): Promise<string> {
  const answer: RequestListener = ({ url }, response) => {
    const isDocument = url === `${path}/openapi.json`;
    response.writeHead(isDocument ? 200 : 404, { "content-type": "application/json" });
    const unknown = { code: "unimplemented", message: "no RPC has this path" };
    response.end(JSON.stringify(isDocument ? { info: { title: "Latchkey", version: "0.0.1" } } : unknown));
  };
  const server = createServer(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
}

test("a server of another version with a self-signed certificate is named under --ca, also below a path", async () => {
  const ca = scene.file("ca.pem", tls.cert.toString());
  for (const path of ["", "/keys"]) {
    const url = await oldServer(path);
    const env = { LATCHKEY_TOKEN: "x" };
    const end = await runCli(["whoami", "--url", url, "--ca", ca], { env });
    expect(end).toMatchObject({ code: 1, stderr: expect.stringMatching(unknownCall) });
    const { stdout } = await runCli(["doctor", "--url", url, "--ca", ca]);
    expect(stdout).toMatch(/another program answers/);
  }
});

test("a server of another version is named with the certificate that the last login kept", async () => {
  const url = await oldServer();
  const ca = scene.file("ca.pem", tls.cert.toString());
  mkdirSync(`${scene.directory}/latchkey`, { mode: 0o700 });
  scene.file("latchkey/credentials.json", JSON.stringify({ servers: { [url]: { token: "x", ca } } }));
  const env = { XDG_CONFIG_HOME: scene.directory };
  expect(await runCli(["whoami", "--url", url], { env })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(unknownCall),
  });
});

test("a --ca file without a certificate is refused with a line that says so", async () => {
  const ca = scene.file("no-ca.pem", "nonsense\n");
  for (const args of [["whoami"], ["doctor"]]) {
    const env = { LATCHKEY_TOKEN: "x" };
    const end = await scene.run([...args, "--url", "https://127.0.0.1:1", "--ca", ca], { env });
    expect(end, args.join()).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `latchkey: ${ca} has no certificate in PEM\n`,
    });
  }
});
