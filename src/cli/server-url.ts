import { usageError } from "./failure.ts";

const byDefault = "http://127.0.0.1:8080";

/** Returns the address of a server in one spelling. */
export function serverUrl(text = byDefault): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && !url.username && !url.password && !url.search && !url.hash;
  if (!isPlain || !/^https?:$/.test(url.protocol)) {
    throw usageError(
      "expected an address such as https://keys.example.com as URL of the server",
      "see --url and LATCHKEY_URL",
    );
  }
  return url.href.replace(/\/+$/, "");
}
