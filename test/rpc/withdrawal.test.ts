import { expect, test } from "vitest";
import { services } from "../../src/app/routes.ts";
import { isWithdrawal } from "../../src/rpc/middleware/turn.ts";

// The reviewed list. An RPC that takes something away belongs here, and the first word of its name must say so.
const reviewed = `
  ArchiveWorkspace DeleteAccount DeleteRole DeleteServiceAccount DeleteTeam DeleteUser DisableApiKey
  DisableGlobalApiKey LogOut
  RemoveApiKeyWorkspace RemoveCredits RemoveProfile RemoveTeamMember RemoveWorkspaceMember RevokeApiKey RevokeApiKeys RevokeInvite
  RevokeSession RevokeToken SuspendAccount`;

test("the RPCs that have connections of their own are those that take something away", () => {
  const withdrawals = services.flatMap(({ methods }) => methods.filter(isWithdrawal).map(({ name }) => name));
  const help =
    "add the RPC to `reviewed` in test/rpc/withdrawal.test.ts, or begin its name with another verb";
  expect(withdrawals.sort(), help).toEqual(reviewed.trim().split(/\s+/).sort());
});
