import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { problemsOf } from "../support/config.ts";
import { selfSigned } from "../support/net/net.ts";
import { scratchDirectory } from "../support/server/scratch.ts";

test.each([
  "LATCHKEY_SIGNUP",
  "LATCHKEY_TLS_CERT",
  "LATCHKEY_TLS_KEY",
  "LATCHKEY_PERMISSIONS",
  "LATCHKEY_AUDIT_RETENTION",
  "LATCHKEY_USAGE_RETENTION",
  "LATCHKEY_CLIENT_ADDRESS_RETENTION",
])("an empty %s is refused, because its default protects less than any value", (name) => {
  expect(problemsOf({ [name]: "" })).toEqual([
    `${name}: expected a value, because it is set but empty; unset it for the default`,
  ]);
});

test("a network of all addresses is refused as a trusted proxy", () => {
  for (const wrong of ["0.0.0.0/0", "::/0", "10.0.0.0/8, ::/00"]) {
    expect(problemsOf({ LATCHKEY_TRUSTED_PROXIES: wrong })).toEqual([
      expect.stringMatching(
        /^LATCHKEY_TRUSTED_PROXIES: expected IP addresses .*; \/0 would trust every client$/,
      ),
    ]);
  }
});

test("a host that other machines can reach without TLS causes a warning", () => {
  for (const LATCHKEY_HOST of ["0.0.0.0", "::", "10.0.0.1", "example.com"]) {
    const { warnings } = readConfig({ LATCHKEY_HOST });
    expect(warnings).toEqual([expect.stringMatching(`^LATCHKEY_HOST is ${LATCHKEY_HOST} without TLS: `)]);
  }
  for (const LATCHKEY_HOST of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
    expect(readConfig({ LATCHKEY_HOST }).warnings).toEqual([]);
  }
});

test("a TLS key that every user of the machine can read causes a warning", () => {
  const folder = scratchDirectory("tls-key");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { cert, key } = selfSigned();
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  const read = (mode: number) => {
    chmodSync(keyFile, mode);
    const env = { LATCHKEY_HOST: "0.0.0.0", LATCHKEY_TLS_CERT: certFile, LATCHKEY_TLS_KEY: keyFile };
    return readConfig(env).warnings;
  };
  expect(read(0o644)).toEqual([`LATCHKEY_TLS_KEY: every user of this machine can read the file ${keyFile}`]);
  expect(read(0o640)).toEqual([]);
});
