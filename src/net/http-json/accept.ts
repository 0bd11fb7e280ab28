const problemType = "application/problem+json";
const jsonType = "application/json";

/**
 * Returns whether a client wants errors as RFC 9457: its `Accept` header names `application/problem+json`, and does not
 * prefer `application/json`. A wildcard is not sufficient, because every client sends one.
 */
export function wantsProblem(accept: string | null | undefined): boolean {
  if (!accept?.toLowerCase().includes(problemType)) return false;
  const weight = weightIn(accept, problemType);
  return weight > 0 && weight >= weightIn(accept, jsonType);
}

/** Returns the weight (RFC 9110, 12.4.2) of a value in a header such as `Accept`: 0 if the header does not name it. */
export function weightIn(header: string, name: string): number {
  for (const one of header.split(",")) {
    const [value = "", ...parameters] = one.split(";").map((part) => part.trim().toLowerCase());
    if (value !== name) continue;
    const [, weight] = parameters.map((part) => /^q\s*=\s*([\d.]+)$/.exec(part)).find((match) => match) ?? [];
    return weight === undefined ? 1 : Number(weight) || 0;
  }
  return 0;
}
