import type { Context } from "./context.ts";
import { failureOf } from "./failure.ts";

/** Returns a password that the person chooses: from a file, or typed twice at the terminal. */
export async function newPassword(
  { secrets, askSecret }: Pick<Context, "secrets" | "askSecret">,
  file: string | undefined,
  name = "Password",
): Promise<string> {
  if (file !== undefined) return secrets.password(file);
  const password = await askSecret(`${name} (at least 10 characters)`);
  if (password !== (await askSecret("The same password again"))) throw failureOf("the two passwords differ");
  return password;
}
