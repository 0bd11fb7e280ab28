import { isPair, isPrivateFile, readFile } from "./parse.ts";
import type { Reader } from "./reader.ts";

/** The certificate of the port. */
export interface TlsSettings {
  /** Unset: plain text. */
  tls: { cert: Buffer; key: Buffer } | undefined;
}

const names = "LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY";

/** Reads the certificate and its key. Reports a problem if one of them is missing or if they do not belong together. */
export function readTlsSettings({ read, problems, warnings, isSet }: Reader): TlsSettings {
  const cert = read("LATCHKEY_TLS_CERT", undefined, readFile, "the path of a readable PEM file");
  const key = read("LATCHKEY_TLS_KEY", undefined, readKey, "the path of a readable PEM file");
  const tls = cert && key && { cert, key };
  if (isSet("LATCHKEY_TLS_CERT") !== isSet("LATCHKEY_TLS_KEY")) {
    problems.push(`${names}: expected both or neither`);
  }
  if (tls && !isPair(tls)) problems.push(`${names}: expected a certificate and its own key, in PEM`);
  return { tls };

  function readKey(path: string): Buffer | undefined {
    if (!isPrivateFile(path))
      warnings.push(`LATCHKEY_TLS_KEY: every user of this machine can read the file ${path}`);
    return readFile(path);
  }
}
