import { usageError } from "./failure.ts";
import type { Output } from "./output.ts";
import { newSecretFile } from "./secret-file.ts";

/** Takes a new token: writes it to the file, if there is one. Returns what the result shows: the token, or nothing. */
export type TakeToken = (token: string) => string;

/**
 * Runs a call that mints a token. With `path`, the file is created before the call, so that a wrong path changes nothing, and is
 * removed if no token was minted. Without it, the token is shown.
 */
export async function withSecretTarget<T>(
  out: Output,
  path: string | undefined,
  work: (take: TakeToken) => Promise<T>,
): Promise<T> {
  if (path === undefined) {
    if (out.format === "ids")
      throw usageError("--quiet shows only the id, so the token would be lost: add --out FILE");
    return work((token) => token);
  }
  const file = newSecretFile(path);
  let isKept = false;
  try {
    return await work((token) => {
      if (token === "") return "";
      file.write(token);
      file.keep();
      isKept = true;
      out.note(`the token is in ${path}`);
      return "";
    });
  } finally {
    if (!isKept) file.discard();
  }
}

/** The option that names the file for a token. */
export const outOption = {
  value: "FILE",
  summary: "write the token to a new file with mode 0600 instead",
} as const;
