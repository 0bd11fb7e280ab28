import { Code, ConnectError } from "@connectrpc/connect";
import { beforeAll, describe, expect, test } from "vitest";
import { nameKey } from "../../src/domain/kernel/text.ts";
import { newTeam } from "../support/actors/actors.ts";
import type { Clients, Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { long } from "../support/long.ts";
import { sampled } from "../support/random.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

/** The calls that create and rename a resource with a name. Both return its id. */
interface Noun {
  create(caller: Clients, name: string): Promise<string>;
  rename(caller: Clients, id: string, name: string): Promise<unknown>;
}

const nouns: Record<string, Noun> = {
  role: {
    create: async (caller, name) =>
      (await caller.roles.createRole({ metadata: { name } })).role?.metadata?.id ?? "",
    rename: (caller, id, name) => caller.roles.updateRole({ id, metadata: { name } }),
  },
  team: {
    create: async (caller, name) =>
      (await caller.teams.createTeam({ metadata: { name } })).team?.metadata?.id ?? "",
    rename: (caller, id, name) => caller.teams.updateTeam({ id, metadata: { name } }),
  },
  "service account": {
    async create(caller, name) {
      const spec = { teamId: await newTeam(caller) };
      const made = await caller.serviceAccounts.createServiceAccount({ metadata: { name }, spec });
      return made.serviceAccount?.metadata?.id ?? "";
    },
    rename: (caller, id, name) => caller.serviceAccounts.updateServiceAccount({ id, metadata: { name } }),
  },
};

const first = "Größe of Café";
const alike: Record<string, string> = {
  "the same": first,
  "other letter case": "GRÖẞE OF cafÉ",
  "ß in capitals": "GRÖSSE OF CAFÉ",
  "space around it": "  Größe of Café ",
  "two spaces": "Größe  of  Café",
  "no-break spaces": "Größe\u00a0of\u202fCafé",
  "ideographic spaces": "Größe\u3000of\u3000Café",
  "thin and figure spaces": "Größe\u2009of\u2007Café",
  "zero-width characters": "Gr\u200böße\u2060 of\ufeff Ca\u200dfé",
  "a soft hyphen": "Größe of Ca\u00adfé",
  "marks of direction": "\u200eGröße of Café\u202c",
  "invisible joiners between a letter and its accent": "Größe of Cafe\u034f\u0301",
  "combining accents": "Gro\u0308ße of Cafe\u0301",
  "full-width letters": "Ｇröße ｏｆ Ｃａｆé",
  "blank letters": "Größe\u3164 of Café",
};
const unlike = ["Größe of Caf", "Grösse-of-Café", "GrößeofCafé", "Grose of Café", "Größe of Café 2"];
const taken = { code: "AlreadyExists", reason: "ALREADY_EXISTS" };

const spellings = Object.entries(alike);

describe.each(Object.entries(nouns))("a %s", (noun, { create, rename }) => {
  let owner: Owner;
  let id: string;
  let other: string;
  beforeAll(async () => {
    owner = await app.newAccount();
    id = await create(owner, first);
    other = await create(owner, "other");
  });

  // All nouns compare names in the same way, so in `npm test` only one of them has every spelling.
  test.each(noun === "role" ? spellings : sampled(spellings, 4))(
    "collides with one of %s, at creation and at a rename",
    async (_what, name) => {
      expect(await refusal(create(owner, name))).toMatchObject(taken);
      expect(await refusal(rename(owner, other, name))).toMatchObject(taken);
      // A resource can be renamed to its own name.
      await rename(owner, id, name);
      expect(await refusal(create(owner, first))).toMatchObject(taken);
    },
  );

  test("may exist beside one with another name, and beside one with its name in another account", async () => {
    const [owner, neighbour] = [await app.newAccount(), await app.newAccount()];
    await create(owner, first);
    for (const name of unlike) await create(owner, name);
    await create(neighbour, first);
  });

  test("can have a name that another one had before a rename", async () => {
    const owner = await app.newAccount();
    const id = await create(owner, first);
    await rename(owner, id, "other");
    await create(owner, first);
    expect(await refusal(rename(owner, id, first))).toMatchObject(taken);
  });

  test("cannot have a name of only spaces or invisible characters", async () => {
    const owner = await app.newAccount();
    const id = await create(owner, first);
    for (const name of [" ", "\u00a0", "\u3000", "\u200b", "\u3164", "\u2800", "\ufeff \u00ad"]) {
      for (const call of [() => create(owner, name), () => rename(owner, id, name)]) {
        expect((await refusal(call())).violations.map(({ field }) => field)).toEqual(["metadata.name"]);
      }
    }
  });

  test("is the only one that gets a name if many are created or renamed to it concurrently", async () => {
    const owner = await app.newAccount();
    for (let round = 0; round < (long ? 5 : 2); round++) {
      const ids = await Promise.all([0, 1, 2].map((at) => create(owner, `old ${round} ${at}`)));
      const names = [`new ${round}`, `NEW\u00a0${round}`, `ｎew ${round}\u200b`];
      const results = await Promise.allSettled([
        ...names.map((name) => create(owner, name)),
        ...names.map((name, at) => rename(owner, ids[at] ?? "", name)),
      ]);
      const codes = results.map((result) =>
        result.status === "fulfilled" ? "ok" : Code[ConnectError.from(result.reason).code],
      );
      expect(codes.sort()).toEqual([...Array(5).fill("AlreadyExists"), "ok"]);
    }
  });
});

test("a custom role cannot look like a built-in one", async () => {
  const owner = await app.newAccount();
  for (const name of ["owner", "Owner", " ADMIN", "ｖiewer", "deve\u200bloper"]) {
    expect(await refusal(owner.roles.createRole({ metadata: { name } }))).toMatchObject(taken);
  }
});

test("a role is found by every spelling of its name", async () => {
  const owner = await app.newAccount();
  const id = await nouns.role?.create(owner, first);
  for (const name of Object.values(alike)) {
    const { team } = await owner.teams.createTeam({
      metadata: { name: crypto.randomUUID() },
      spec: { roles: [name] },
    });
    expect(team?.spec?.roles).toEqual([id]);
  }
});

test("the key of a name is itself a name with the same key", () => {
  for (const name of [...Object.values(alike), ...unlike, "ΟΔΟΣ", "İstanbul", "ŉ", "ǅ"]) {
    expect(nameKey(nameKey(name)), name).toBe(nameKey(name));
    expect(nameKey(name.toLowerCase()), name).toBe(nameKey(name));
  }
});
