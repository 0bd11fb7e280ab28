import { retryAfterOf, sentenceOf, violationsOf } from "../errors.ts";
import { Banner } from "./banner.tsx";

/**
 * Shows an error in the server's words. `shown` names the fields of the request whose violations the form shows beside
 * their fields. Shows nothing without an error.
 */
export function ErrorNote({ error, shown = [] }: { error: unknown; shown?: readonly string[] }) {
  if (error === undefined || error === null) return null;
  const violations = Object.entries(violationsOf(error));
  const others = violations.filter(([field]) => !shown.includes(field));
  // The sentence of such an error only repeats the fields.
  if (violations.length > 0 && others.length === 0) {
    return <Banner tone="danger">Correct the marked fields.</Banner>;
  }
  const seconds = retryAfterOf(error);
  return (
    <Banner tone="danger">
      {others.length > 0
        ? others.map(([field, what]) => <p key={field}>{`${field}: ${what}`}</p>)
        : sentenceOf(error)}
      {seconds !== undefined && ` Try again in ${seconds} s.`}
    </Banner>
  );
}
