import { usageError } from "./failure.ts";
import type { Output } from "./output.ts";
import { newSecretFile, type SecretFile } from "./secret-file.ts";

/** The option of commands whose response contains a token. */
export const tokenOut = {
  value: "FILE",
  summary: "write the token to a new file with mode 0600 instead of stdout",
} as const;

/**
 * Makes something that has a token, and sends the token where the caller wants it. With a file, the file is created before the
 * call, so that a wrong path changes nothing. `clear` removes the token from the result.
 */
export async function withToken<T>(
  out: Output,
  file: string | undefined,
  make: () => Promise<T>,
  tokenOf: (made: T) => { token: string; clear(): void },
): Promise<T> {
  if (file === undefined) {
    if (out.format === "ids")
      throw usageError("--quiet shows only the id, so the token would be lost: add --out FILE");
    return make();
  }
  const target = newSecretFile(file);
  const made = await discardOnFailure(target, make);
  const { token, clear } = tokenOf(made);
  target.write(token);
  target.keep();
  clear();
  out.note(`the token is in ${file}`);
  return made;
}

async function discardOnFailure<T>(target: SecretFile, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    target.discard();
    throw error;
  }
}
