const timeoutMs = 3_000;
// The document of this version has less than 1 MB.
const largestBytes = 8 * 1024 * 1024;
const versionForm = /^[\w.+-]{1,64}$/;

/** Returns the version of the Latchkey server at this address, by its API document, or undefined if there is none. */
export async function serverVersion(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/openapi.json`, { signal: AbortSignal.timeout(timeoutMs) });
    const { info } = JSON.parse(await textOf(response)) as { info?: { title?: unknown; version?: unknown } };
    const isOurs = typeof info?.title === "string" && /latchkey/i.test(info.title);
    return isOurs && typeof info?.version === "string" && versionForm.test(info.version)
      ? info.version
      : undefined;
  } catch {
    return undefined;
  }
}

async function textOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > largestBytes) throw new Error("the document is too long");
  }
  return text;
}
