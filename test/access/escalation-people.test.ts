import { beforeAll, describe, expect, test } from "vitest";
import { newDeveloperKey, newMember, newRole } from "../support/actors/actors.ts";
import { rotate } from "../support/actors/api-key.ts";
import { type Bearer, type Company, newCompany, refusals } from "../support/actors/company.ts";
import { useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { type EscalationPath, escalationPaths } from "../support/escalation/paths.ts";
import { sampled } from "../support/random.ts";
import { changedTables, type TableDigests, tableDigests } from "../support/stalled/tables.ts";

const app = useApp();
const bearers: Bearer[] = ["session", "developer key", "service key", "application key"];

let company: Company;
// No path changes a table, so each path leaves what the one before it found.
let tables: TableDigests;
beforeAll(async () => {
  company = await newCompany(app);
  tables = await tableDigests(app.pool);
});

// In `npm test`, two bearers take each path.
describe.each(escalationPaths)("cannot widen a principal: $what", (path) => {
  test.each(sampled(bearers, 2, escalationPaths.indexOf(path)))("a %s", async (bearer) => {
    const refused = await refusals(app);
    const expected = { code: "PermissionDenied", ...firstError(path, bearer) };
    expect(await refusal(path.call(company.bearers[bearer], company))).toMatchObject(expected);
    expect(changedTables(tables, await tableDigests(app.pool))).toEqual([]);
    const counted = await refusals(app);
    // If more than ten methods refuse one principal within a minute, the rest is one event.
    const method = counted[path.method] === refused[path.method] ? "*" : path.method;
    expect(counted).toEqual({ ...refused, [method]: (refused[method] ?? 0) + 1 });
  });
});

// A platform key that acts may enter every workspace, so these are all paths by which it could give more than it holds.
const permissionPaths = escalationPaths.filter(({ workspace }) => !workspace);

test.each(sampled(permissionPaths, 10))(
  "a platform key that acts for the account cannot widen a principal: $what",
  async (path) => {
    expect(await refusal(path.call(company.bearers["platform key"], company))).toMatchObject({
      code: "PermissionDenied",
      reason: "PERMISSION_DENIED",
      metadata: { permission: path.missing },
    });
    expect(changedTables(tables, await tableDigests(app.pool))).toEqual([]);
  },
);

// Returns the error of the first rule in the table of errors: environment, workspace, permission.
function firstError({ environment, workspace, missing }: EscalationPath, bearer: Bearer) {
  if (environment === "none" && bearer === "application key") {
    return { reason: "ENVIRONMENT_MISMATCH", metadata: { environment: "live" } };
  }
  if (workspace) return { reason: "WORKSPACE_FORBIDDEN", metadata: { workspace_id: workspace(company) } };
  return { reason: "PERMISSION_DENIED", metadata: { permission: missing } };
}

test("a narrowed developer key cannot give its user a key that may later do more than itself", async () => {
  const owner = await app.newAccount();
  await newRole(owner, "minter", "api_keys:write");
  const member = await newMember(app, owner, "minter");
  const narrow = await newDeveloperKey(app, member, { permissions: ["api_keys:write"] });
  const whole = await newDeveloperKey(app, member);
  const denied = { code: "PermissionDenied", metadata: { permission: "*" } };
  expect(await refusal(newDeveloperKey(app, narrow))).toMatchObject(denied);
  expect(await refusal(rotate(narrow, whole.id, 60))).toMatchObject(denied);
  const update = { id: narrow.id, spec: { permissions: ["*"] } };
  expect(await refusal(narrow.apiKeys.updateApiKey(update))).toMatchObject(denied);
});
