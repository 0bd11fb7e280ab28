import { expect, test } from "vitest";
import { accountIdOf, newPlatformServiceKey } from "../support/actors/acting.ts";
import { issueKey, useApp } from "../support/app.ts";
import { openFastPathServer } from "../support/fast-path/server.ts";

const app = useApp();

interface Answer {
  verdict?: string;
  code?: string;
}

/** Starts another instance with the fast path. Returns a function that verifies a token there, as a bearer that names an account. */
async function newVerifier(bearer: string) {
  const { port } = await openFastPathServer(app.pools.lookups, true);
  return async (token: string, accountId = ""): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}/latchkey.v1.TokenService/VerifyToken`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${bearer}`,
        ...(accountId && { "latchkey-account": accountId }),
      },
      body: JSON.stringify({ token }),
    });
    const { verdict, code } = (await response.json()) as Answer;
    return verdict ?? code ?? "";
  };
}

test("the fast path keeps no response of a platform key for another account than the one that the key acts for", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const { token } = await newPlatformServiceKey(app, ["accounts:act", "tokens:verify"]);
  const key = await issueKey(owner);
  const verify = await newVerifier(token);
  // The second and third round are answered from what the first one kept.
  for (let round = 0; round < 3; round++) {
    expect(await verify(key.token, accountIdOf(owner))).toBe("VERDICT_VALID");
    expect(await verify(key.token, accountIdOf(other))).toBe("VERDICT_INVALID");
    expect(await verify(key.token)).toBe("VERDICT_VALID");
  }
});

test("the fast path refuses a platform key as soon as it has lost accounts:act, also from what it kept", async () => {
  const owner = await app.newAccount();
  const { token, setRole } = await newPlatformServiceKey(app, ["accounts:act", "tokens:verify"]);
  const key = await issueKey(owner);
  const verify = await newVerifier(token);
  for (const _ of [1, 2]) expect(await verify(key.token, accountIdOf(owner))).toBe("VERDICT_VALID");
  await setRole(["tokens:verify"]);
  expect(await verify(key.token, accountIdOf(owner))).toBe("permission_denied");
  expect(await verify(key.token)).toBe("VERDICT_VALID");
});
