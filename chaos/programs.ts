import { join } from "node:path";

/** The file that Node runs for each program of a scenario. */
export interface Programs {
  latchkey: string;
  "broken-server": string;
  "guarded-service": string;
}

/** The programs as Node runs them in a checkout. */
export const sources: Programs = {
  latchkey: join(import.meta.dirname, "..", "src", "main.ts"),
  "broken-server": join(import.meta.dirname, "broken-server.ts"),
  "guarded-service": join(import.meta.dirname, "guarded-service.ts"),
};
