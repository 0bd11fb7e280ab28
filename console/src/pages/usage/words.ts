import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";

const names = new Map(Object.entries(Verdict).map(([name, value]) => [value as number, name]));

/** Returns a verdict in words, such as "Permission denied". */
export function verdictWords(verdict: number): string {
  if (verdict === Verdict.VALID) return "Accepted";
  const name = names.get(verdict) ?? "Unknown";
  const words = name.toLowerCase().replaceAll("_", " ");
  return `${words[0]?.toUpperCase()}${words.slice(1)}`;
}
