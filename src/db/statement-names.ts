import { createHash } from "node:crypto";

// Each connection keeps every plan it ever named, so there must be an end to them.
const maxNamedStatements = 200;

/** The name under which a statement is prepared, or nothing: then it is parsed each time. */
export type StatementNames = (text: string, parameters: readonly unknown[]) => string | undefined;

/** Names statements by a hash of their text: the first 200 of them, since lists with filters have endless texts. */
export function createStatementNames(): StatementNames {
  const names = new Map<string, string>();
  return (text, parameters) => {
    // Without parameters it may be several statements in one text, or begin and commit.
    if (parameters.length === 0) return undefined;
    const known = names.get(text);
    if (known !== undefined || names.size >= maxNamedStatements) return known;
    const name = `latchkey_${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
    names.set(text, name);
    return name;
  };
}
