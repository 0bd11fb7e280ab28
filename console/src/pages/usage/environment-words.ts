import { Environment } from "../../../gen/latchkey/v1/api_key_pb.ts";

/** The word for each environment. */
export const environmentWords: Readonly<Record<number, string>> = {
  [Environment.LIVE]: "live",
  [Environment.TEST]: "test",
};
