import { atOnce } from "../src/domain/kernel/slices.ts";
import { createCache } from "../src/verify/cache/cache.ts";
import { createResponseCache } from "../src/verify/cache/response-cache.ts";
import { type Credential, toCredentials } from "../src/verify/evaluate/credential.ts";
import { createSharedTexts } from "../src/verify/evaluate/shared-texts.ts";

// Prints the bytes that a cached key takes, and those of a cached response. Run it with --expose-gc.
const count = 20_000;
const share = createSharedTexts();
const collect = globalThis.gc;
if (!collect) throw new Error("run with --expose-gc");

const id = (kind: string, n: number) => `${kind}_${n.toString(32).padStart(26, "0")}`;
const permissions = Array.from({ length: 8 }, (_, n) => `resource_${n}:write`);

// Parses each row from its own text, as the driver does, so that no two rows share a string.
function credential(n: number): Credential {
  const workspaces = Object.fromEntries(Array.from({ length: 8 }, (_, w) => [id("ws", n * 8 + w), true]));
  const accountId = id("acct", n % 200);
  const accountAccess = {
    account_id: accountId,
    external_id: "",
    profile: { id: id("prof", n), type: "api_key", name: `Key ${n}`, email: "" },
    permissions,
    owner_permissions: null,
    workspace_scope: "selected",
    workspaces,
    entitlements: [],
    roles: null,
    owner: false,
    platform: false,
    suspended: false,
  };
  const text = JSON.stringify({
    id: id("key", n),
    kind: "application",
    name: `Key ${n}`,
    external_id: "",
    labels: {},
    system: false,
    environment: "live",
    user_id: null,
    tokens: [{ id: String(n), hash: n.toString(16).padStart(64, "0"), ends_at: null }],
    openings: [accountAccess],
  });
  const row = {
    ...JSON.parse(text),
    expires_at: new Date(2e12 + n),
    disabled_at: null,
    revoked_at: null,
    last_used_at: null,
  };
  const [credential] = atOnce(toCredentials([row], share));
  if (!credential) throw new Error("a row gave no credential");
  return credential;
}

function used(): number {
  collect?.();
  collect?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const cache = createCache(2 * count);
const start = used();
for (let n = 0; n < count; n++) cache.keepCredential(credential(n));
const withKeys = used();
const responses = createResponseCache<string>({ holds: () => true }, count * 2_048);
for (let n = 0; n < count; n++) {
  const found = cache.credential(id("key", n));
  const basis = { credential: found, workspace: undefined, now: new Date(0) };
  const evaluation = {
    failures: [],
    principal: undefined,
    userId: undefined,
    sessionId: undefined,
    tokenId: found?.tokens[0]?.id ?? "",
    endsAt: undefined,
    basis,
  };
  const text = Buffer.alloc(900, 97 + (n % 26)).toString("latin1");
  responses.keep(Buffer.alloc(32, n).toString("latin1") + n, evaluation, text, text.length);
}
const withResponses = used();
// These checks also prevent that a cache is collected before it was measured.
if (responses.recall(`${Buffer.alloc(32, 7).toString("latin1")}7`) === undefined)
  throw new Error("no response was kept");
if (cache.size() !== count) throw new Error(`only ${cache.size()} of ${count} entries were kept`);
const perKey = Math.round((withKeys - start) / count);
const perResponse = Math.round((withResponses - withKeys) / count);
process.stdout.write(`${perKey} ${perResponse}\n`);
