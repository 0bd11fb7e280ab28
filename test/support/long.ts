import { defaultLimits } from "../../src/net/limits.ts";
import { shortPatience } from "./server/short-patience.ts";

/** True in `npm run test:long`. Then random searches run longer, and tests of limits wait for the limits of production. */
export const long = process.env.LATCHKEY_TEST_LONG === "1";

/** The server for tests that wait for its limits: its program and its limits. */
export const patientServer = long
  ? ({ program: "latchkey", limits: defaultLimits } as const)
  : ({ program: "short-server", limits: { ...defaultLimits, ...shortPatience } } as const);
