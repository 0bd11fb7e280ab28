import { type AuditSettings, readAuditSettings } from "./audit-settings.ts";
import { type BoundSettings, readBounds } from "./bounds.ts";
import { allowClientSettings } from "./client-settings.ts";
import { ConfigError } from "./config-error.ts";
import { type ConsoleSettings, readConsoleSettings } from "./console-settings.ts";
import { type DatabaseSettings, readDatabaseSettings } from "./database-settings.ts";
import { type LimitSettings, readLimitSettings } from "./limit-settings.ts";
import { type MailSettings, readMailSettings } from "./mail-settings.ts";
import { isLoopback } from "./parse.ts";
import { type PeopleSettings, readPeopleSettings } from "./people-settings.ts";
import { type PermissionSetSettings, readPermissionSets } from "./permission-sets.ts";
import { type PortSettings, readPortSettings } from "./port-settings.ts";
import { type ProcessSettings, readProcessSettings } from "./process-settings.ts";
import { createReader, type Env } from "./reader.ts";
import { readTlsSettings, type TlsSettings } from "./tls-settings.ts";
import { readTokenSettings, type TokenSettings } from "./token-settings.ts";
import { readUsageSettings, type UsageSettings } from "./usage-settings.ts";

/** The settings of one process, checked and complete. */
export interface Config
  extends ProcessSettings,
    PortSettings,
    TlsSettings,
    DatabaseSettings,
    TokenSettings,
    PermissionSetSettings,
    PeopleSettings,
    MailSettings,
    ConsoleSettings,
    LimitSettings,
    AuditSettings,
    UsageSettings,
    BoundSettings {
  /** One sentence for each setting that is possible but dangerous. */
  warnings: string[];
}

export { ConfigError };

// An empty value often comes from a template whose variable is missing. Here, the default is weaker than any other value.
const neverEmpty = [
  "LATCHKEY_SIGNUP",
  "LATCHKEY_TLS_CERT",
  "LATCHKEY_TLS_KEY",
  "LATCHKEY_PERMISSIONS",
  "LATCHKEY_AUDIT_RETENTION",
  "LATCHKEY_USAGE_RETENTION",
  "LATCHKEY_CLIENT_ADDRESS_RETENTION",
];

/** Reads the settings once. Throws one `ConfigError` that names every wrong value and every unknown name. */
export function readConfig(env: Env): Config {
  const reader = createReader(env);
  const { read, problems, warnings, checkNames, refuseEmpty } = reader;
  const tokens = readTokenSettings(reader);
  const config: Config = {
    ...readProcessSettings(read),
    ...readPortSettings(read),
    ...readTlsSettings(reader),
    ...readDatabaseSettings(read),
    ...tokens,
    ...readPermissionSets(reader, tokens.permissions),
    ...readPeopleSettings(read),
    ...readMailSettings(read),
    ...readConsoleSettings(read),
    ...readLimitSettings(reader),
    ...readAuditSettings(read),
    ...readUsageSettings(read),
    ...readBounds(read),
    warnings,
  };
  if (!config.tls && !isLoopback(config.host)) warnings.push(plainText(config.host));
  allowClientSettings(read);
  checkNames();
  refuseEmpty(neverEmpty);
  if (problems.length > 0) throw new ConfigError(problems.join("\n"));
  return config;
}

function plainText(host: string): string {
  return `LATCHKEY_HOST is ${host} without TLS: tokens travel in plain text, unless a proxy on a private network adds TLS`;
}
