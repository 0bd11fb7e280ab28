// The API keys of better-auth behind a minimal node:http handler, because `verifyApiKey` has no route since version 1.7.
// Its rate limit is off, as its documentation describes. Each verification is one select and two updates. A creation trusts
// its caller: it reads no session, because the caller is server code.
import { createServer } from "node:http";
import { apiKey, defaultKeyHasher } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";

const count = Number(process.argv[2]);
const pool = new pg.Pool({ connectionString: process.env.PEER_DATABASE_URL, max: 10 });
const auth = betterAuth({
  database: pool,
  secret: "a secret of the bench that protects nothing",
  baseURL: "http://127.0.0.1:1",
  telemetry: { enabled: false },
  logger: { level: "error" },
  rateLimit: { enabled: false },
  plugins: [apiKey({ rateLimit: { enabled: false } })],
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();
const keys = await Promise.all(Array.from({ length: count }, (_, i) => defaultKeyHasher(`token-${i}`)));
await pool.query(
  `insert into apikey (id, "configId", "referenceId", key, enabled, "rateLimitEnabled", "requestCount", "expiresAt",
     "createdAt", "updatedAt", permissions, start, name)
   select 'id_' || i, 'default', 'own_' || i % 100, key, true, false, 0, timestamptz '2100-01-01', now(), now(),
     '{"agents":["read","write"]}', 'token-', 'k' || i
   from unnest($1::text[]) with ordinality as k (key, i)`,
  [keys],
);
await pool.query("create index if not exists apikey_bench_key on apikey (key)");
await pool.query("vacuum analyze apikey");

const permissions = { agents: ["read"] };

async function verify({ token }) {
  const result = await auth.api.verifyApiKey({ body: { key: token, permissions } });
  return { status: result.valid ? 200 : 401, result };
}

async function create({ name }) {
  return {
    status: 200,
    result: await auth.api.createApiKey({ body: { userId: "own_1", name, permissions } }),
  };
}

createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", async () => {
    const method = request.url === "/create" ? create : verify;
    const { status, result } = await method(JSON.parse(Buffer.concat(parts).toString()));
    const body = Buffer.from(JSON.stringify(result));
    response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  });
}).listen(0, "127.0.0.1", function () {
  process.stdout.write(`better-auth listening on ${this.address().port}\n`);
});
