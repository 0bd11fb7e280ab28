import { randomUUID } from "node:crypto";
import { keepToken, withLatchkey } from "./customer.ts";

const perMinute = { name: "calls", limit: 2, period: { seconds: 60n } };
const keys = [
  { name: "writer", permissions: ["prompts:write"] },
  { name: "reader", permissions: ["prompts:read"] },
  { name: "limited", permissions: ["prompts:read"], rateLimits: [perMinute] },
];

let session = "";
await withLatchkey(undefined, async ({ sessions }) => {
  const email = `prompts-${randomUUID()}@example.com`;
  const password = "correct horse battery";
  ({ token: session } = await sessions.signUp({ email, password, name: "Me", accountName: "Prompts" }));
  keepToken("me", session);
});

await withLatchkey(session, async ({ apiKeys }) => {
  for (const { name, ...spec } of keys) {
    // With a request id, a repeat after a lost answer issues no second key.
    const { apiKey } = await apiKeys.createApiKey({ metadata: { name }, spec, requestId: randomUUID() });
    // This response is the only one with the token.
    keepToken(name, apiKey?.spec?.token ?? "");
    process.stdout.write(`issued ${name}: ${apiKey?.spec?.permissions.join(", ")}\n`);
  }
});
