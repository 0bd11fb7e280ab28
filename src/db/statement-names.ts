import { createHash } from "node:crypto";

// Each connection keeps every named plan, so the number of names needs a limit.
const maxNamedStatements = 200;

/** Returns the name of a prepared statement, or undefined for a statement that is parsed each time. */
export type StatementNames = (text: string, parameters: readonly unknown[]) => string | undefined;

/** Names the first 200 statements by a hash of their text. There is a limit because lists with filters have unlimited texts. */
export function createStatementNames(): StatementNames {
  const names = new Map<string, string>();
  return (text, parameters) => {
    // A text without parameters may contain several statements, or be begin or commit.
    if (parameters.length === 0) return undefined;
    const known = names.get(text);
    if (known !== undefined || names.size >= maxNamedStatements) return known;
    const name = `latchkey_${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
    names.set(text, name);
    return name;
  };
}
