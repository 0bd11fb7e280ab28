import { probe } from "./probe.ts";

const timeoutMs = 3_000;
const versionForm = /^[\w.+-]{1,64}$/;

/** Returns the version of the Latchkey server at this address, by its API document, or undefined if there is none. */
export async function serverVersion(url: string, ca: Buffer | undefined): Promise<string | undefined> {
  try {
    const { status, body } = await probe(url, "/openapi.json", { ca }, timeoutMs);
    return status === 200 ? versionIn(body) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the version in the API document of a Latchkey server, or undefined if it is none. */
export function versionIn(document: string): string | undefined {
  try {
    const { info } = JSON.parse(document) as { info?: { title?: unknown; version?: unknown } };
    const isOurs = typeof info?.title === "string" && /latchkey/i.test(info.title);
    return isOurs && typeof info?.version === "string" && versionForm.test(info.version)
      ? info.version
      : undefined;
  } catch {
    return undefined;
  }
}
