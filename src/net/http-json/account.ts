import { Code, ConnectError } from "@connectrpc/connect";
import { accountHeader, quotableAccount } from "../protocol-headers.ts";
import type { HeaderReader } from "./bearer.ts";
import type { Parameter } from "./query.ts";
import { wrongFields } from "./wrong-fields.ts";

/** The query parameter that names the account of a call. */
const accountParameter = "organizationId";

/**
 * Returns the headers with the account that the query names, and the other parameters. Throws if the query names it twice or
 * is empty, or if the header and the query differ.
 */
export function nameAccount(
  headers: HeaderReader,
  all: readonly Parameter[],
): { headers: HeaderReader; parameters: readonly Parameter[] } {
  if (all.length === 0) return { headers, parameters: all };
  const values = all.filter(([name]) => name === accountParameter).map(([, value]) => value);
  const [value] = values;
  if (value === undefined) return { headers, parameters: all };
  if (values.length > 1) {
    throw wrongFields([
      { field: accountParameter, description: "expected one value, but the query has two" },
    ]);
  }
  if (value === "") {
    throw wrongFields([{ field: accountParameter, description: "expected the id of an account" }]);
  }
  const inHeader = headers.get(accountHeader) ?? "";
  if (inHeader !== "" && inHeader !== value) {
    throw new ConnectError(
      `the header ${accountHeader} and the query parameter ${accountParameter} name different accounts: send one of them`,
      Code.InvalidArgument,
    );
  }
  const account = inHeader || quotableAccount(value);
  return {
    headers: {
      has: (name) => name === accountHeader || headers.has(name),
      get: (name) => (name === accountHeader ? account : headers.get(name)),
    },
    parameters: all.filter(([name]) => name !== accountParameter),
  };
}
