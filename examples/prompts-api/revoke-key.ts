import { readToken, withLatchkey } from "./customer.ts";

const [, , name = ""] = process.argv;

await withLatchkey(readToken("me"), async ({ apiKeys }) => {
  const { items } = await apiKeys.listApiKeys({ query: name });
  for (const { metadata } of items) {
    if (metadata?.name !== name) continue;
    // The call returns when no instance and no guard accepts the key any more.
    await apiKeys.revokeApiKey({ id: metadata.id });
    process.stdout.write(`revoked ${name}\n`);
  }
});
