import fc from "fast-check";
import { expect, test } from "vitest";
import { loadArgon2, nodeArgon2 } from "../../src/domain/user/argon2.ts";
import { cheapPasswords } from "../support/cheap.ts";
import { anyCharacter } from "../support/random.ts";

const [packaged, builtIn] = [await loadArgon2(), nodeArgon2()];

test("each implementation of Argon2id accepts the hashes of the other one, and only of the same password", () =>
  fc.assert(
    fc.asyncProperty(
      fc.string({ unit: anyCharacter, minLength: 1 }),
      fc.string(),
      async (password, other) => {
        for (const [maker, checker] of [
          [packaged, builtIn],
          [builtIn, packaged],
          [builtIn, builtIn],
        ] as const) {
          const stored = await maker.hash(password, cheapPasswords);
          expect(await checker.verify(stored, password)).toBe(true);
          expect(await checker.verify(stored, other)).toBe(other === password);
        }
      },
    ),
  ));

test("both implementations write the same format", async () => {
  const format = /^\$argon2id\$v=19\$m=8,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/;
  for (const one of [packaged, builtIn]) expect(await one.hash("x", cheapPasswords)).toMatch(format);
});

test("a text that is no hash of Argon2id is an error", async () => {
  const hash = await builtIn.hash("x", cheapPasswords);
  for (const stored of [
    "",
    "x",
    hash.slice(1),
    hash.replace("argon2id", "argon2i"),
    hash.replace("v=19", "v=16"),
  ]) {
    await expect(builtIn.verify(stored, "x"), stored).rejects.toThrow("no hash of Argon2id");
  }
});
