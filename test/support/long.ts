import { defaultLimits } from "../../src/net/limits.ts";
import { shortPatience } from "./server/short-patience.ts";

/** True in `npm run test:long`: random searches take longer, and what waits for a limit waits for that of production. */
export const long = process.env.LATCHKEY_TEST_LONG === "1";

/** A server that a test waits for: what it runs, and its limits. */
export const patientServer = long
  ? ({ program: "latchkey", limits: defaultLimits } as const)
  : ({ program: "short-server", limits: { ...defaultLimits, ...shortPatience } } as const);
