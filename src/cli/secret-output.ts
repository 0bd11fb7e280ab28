import { failureOf, usageError } from "./failure.ts";
import type { Output } from "./output.ts";
import { newSecretFile, type SecretFile } from "./secret-file.ts";

/** The option of commands whose response contains a token. */
export const tokenOut = {
  value: "FILE",
  summary: "write the token to a new file with mode 0600 instead of stdout",
} as const;

/** Takes a new token: writes it to the file, if there is one. Returns what the result shows: the token, or nothing. */
export type TakeToken = (token: string) => string;

/**
 * Runs a call that mints a token, and sends the token where the caller wants it. With a file, the file is created before the call,
 * so that a wrong path changes nothing, and is removed if no token was minted. Without it, the result shows the token.
 */
export async function withToken<T>(
  out: Output,
  path: string | undefined,
  work: (take: TakeToken) => Promise<T>,
): Promise<T> {
  if (path === undefined) {
    if (out.format === "ids")
      throw usageError("--quiet shows only the id, so the token would be lost: add --out FILE");
    out.mustArrive();
    return work((token) => token);
  }
  const file = newSecretFile(path);
  let isKept = false;
  try {
    return await work((token) => {
      if (token === "") return "";
      keep(file, token);
      isKept = true;
      out.note(`the token is in ${path}`);
      return "";
    });
  } finally {
    if (!isKept) file.discard();
  }
}

function keep(file: SecretFile, token: string): void {
  try {
    file.write(token);
    file.keep();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "unknown error";
    throw failureOf(
      `the token was minted, but ${file.path} could not be written (${code}), so the token is lost: mint another one`,
    );
  }
}
