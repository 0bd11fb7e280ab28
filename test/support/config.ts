import { expect } from "vitest";
import { ConfigError, readConfig } from "../../src/config/config.ts";

/** Returns the lines of the error that the configuration throws for an environment, or none if it is right. */
export function problemsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error instanceof Error ? error.message.split("\n") : [];
  }
  return [];
}
