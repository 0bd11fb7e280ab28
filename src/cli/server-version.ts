const timeoutMs = 3_000;

/** Returns the version of the Latchkey server at this address, by its API document, or undefined if there is none. */
export async function serverVersion(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/openapi.json`, { signal: AbortSignal.timeout(timeoutMs) });
    const { info } = (await response.json()) as { info?: { title?: unknown; version?: unknown } };
    const isOurs = typeof info?.title === "string" && /latchkey/i.test(info.title);
    return isOurs && typeof info?.version === "string" ? info.version : undefined;
  } catch {
    return undefined;
  }
}
