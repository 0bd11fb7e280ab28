/** What is wrong with the environment: one line for each wrong setting. */
export class ConfigError extends Error {}
