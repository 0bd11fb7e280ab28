import type { Context } from "./context.ts";
import { failureOf, usageError } from "./failure.ts";
import { newSecretFile, type SecretFile } from "./secret-file.ts";
import { uninterrupted } from "./uninterrupted.ts";

/** The option of commands whose response contains a token. */
export const tokenOut = {
  value: "FILE",
  summary: "write the token to a new file with mode 0600 instead of stdout",
} as const;

/** The option of commands whose response may contain an invite with its token. */
export const inviteOut = {
  value: "FILE",
  summary: "write the token of the invite to a new file with mode 0600 instead of stdout",
} as const;

/** Takes a new token: writes it to the file, if there is one. Returns what the result shows: the token, or nothing. */
export type TakeToken = (token: string) => string;

/**
 * Runs a call that mints a token, and sends the token where the caller wants it. With a file, the file is created before the call,
 * so that a wrong path changes nothing, and is removed if no token was minted. Without it, the result shows the token, so `work`
 * writes the result. Ctrl-C does not end the call.
 */
export async function withToken<T>(
  context: Pick<Context, "out" | "interruption">,
  path: string | undefined,
  work: (take: TakeToken) => Promise<T>,
): Promise<T> {
  const { out } = context;
  let outcome = "the server minted no token";
  if (path === undefined) {
    if (out.format === "ids")
      throw usageError("--quiet shows only the id, so the token would be lost", "add --out FILE");
    out.mustArrive();
    const take: TakeToken = (token) => {
      if (token !== "") outcome = "the token is in the output";
      return token;
    };
    return uninterrupted(context, { outcome: () => outcome }, () => work(take));
  }
  const file = newSecretFile(path);
  let isKept = false;
  const take: TakeToken = (token) => {
    if (token === "") return "";
    keep(file, token);
    isKept = true;
    outcome = `the token is in ${path}`;
    out.note(outcome);
    return "";
  };
  const abandon = () => {
    if (!isKept) file.discard();
  };
  try {
    return await uninterrupted(context, { outcome: () => outcome, abandon }, () => work(take));
  } finally {
    abandon();
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
