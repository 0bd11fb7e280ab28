/** The address of a Redis server. */
export interface RedisAddress {
  host: string;
  port: number;
  tls: boolean;
  username: string;
  password: string;
  database: number;
}

/** Returns the address in a URL such as `redis://user:password@host:6379/0`. `rediss:` is TLS, with a checked certificate. */
export function parseRedisUrl(text: string): RedisAddress | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
  const path = /^\/?(\d{0,4})$/.exec(pathname);
  if ((protocol !== "redis:" && protocol !== "rediss:") || hostname === "" || !path || search || hash) {
    return undefined;
  }
  const names = decoded([username, password]);
  if (!names) return undefined;
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 6379 : Number(port),
    tls: protocol === "rediss:",
    username: names[0] ?? "",
    password: names[1] ?? "",
    database: Number(path[1] ?? ""),
  };
}

function decoded(parts: readonly string[]): string[] | undefined {
  try {
    return parts.map((part) => decodeURIComponent(part));
  } catch {
    return undefined;
  }
}
