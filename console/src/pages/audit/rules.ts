import type { Entry } from "./event.ts";

/** A template of a sentence about a change. The first rule that fits an event makes its sentence. */
export interface Rule {
  /** The short name of the call. */
  call?: string;
  /** The kind of the resource. */
  type?: string;
  /** Fields that the event has, such as `after.kind`. A `!` in front means that the event does not have it. */
  has?: readonly string[];
  text: string;
}

/** Returns the template of the sentence about a change. */
export function templateOf(entry: Entry, call: string): string {
  const fits = ({ call: wanted, type, has = [] }: Rule) =>
    (wanted === undefined || wanted === call) &&
    (type === undefined || type === entry.resourceType) &&
    has.every((path) => (path.startsWith("!") ? !hasField(entry, path.slice(1)) : hasField(entry, path)));
  return rules.find(fits)?.text ?? "{actor} changed {resource}";
}

function hasField(entry: Entry, path: string): boolean {
  const [side, field = "", wanted] = path.split(/[.=]/);
  const fields = side === "before" ? entry.before : entry.after;
  if (field === "") return fields !== undefined;
  const value = fields?.[field];
  return wanted === undefined ? value !== undefined : String(value) === wanted;
}

const rules: readonly Rule[] = [
  {
    call: "key_used_from_new_network",
    text: "The key {resource} was used from a new network, {after.network}",
  },
  {
    call: "key_used_after_pause",
    text: "The key {resource} was used for the first time since {after.previous_use}",
  },

  {
    type: "embed_session",
    call: "CreateEmbedSession",
    text: "{actor} made a session for an embedded page",
  },
  { type: "embed_session", text: "The holder of a session for an embedded page ended it" },

  { type: "api_key", has: ["after.kind"], text: "{actor} created the key {resource}" },
  { type: "api_key", has: ["after.grace_seconds"], text: "{actor} rotated the key {resource}" },
  { call: "RevokeToken", has: ["after.revoked"], text: "The holder of a token revoked the key {resource}" },
  { call: "RevokeToken", text: "The holder of a token of the key {resource} ended it" },
  { call: "revoke", has: ["after.revoked"], text: "The holder of a token revoked the key {resource}" },
  { call: "revoke", text: "The holder of a token of the key {resource} ended it" },
  { type: "api_key", has: ["after.revoked=true"], text: "{actor} revoked the key {resource}" },
  { type: "api_key", has: ["after.disabled=true"], text: "{actor} disabled the key {resource}" },
  { type: "api_key", has: ["after.disabled=false"], text: "{actor} enabled the key {resource}" },
  { type: "api_key", has: ["before.token"], text: "{actor} ended a token of the key {resource}" },
  {
    type: "api_key",
    has: ["after.workspace_id"],
    text: "{actor} gave the key {resource} access to the workspace {after.workspace_id}",
  },
  {
    type: "api_key",
    has: ["before.workspace_id"],
    text: "{actor} took the workspace {before.workspace_id} from the key {resource}",
  },
  { type: "api_key", has: ["after.credits"], text: "{actor} changed the credits of the key {resource}" },
  { type: "api_key", text: "{actor} changed the key {resource}" },

  {
    type: "workspace",
    has: ["after.profile_id"],
    text: "{actor} gave {after.profile_id} access to the workspace {resource}",
  },
  {
    type: "workspace",
    has: ["before.profile_id"],
    text: "{actor} took the workspace {resource} from {before.profile_id}",
  },
  { type: "workspace", call: "ArchiveWorkspace", text: "{actor} archived the workspace {resource}" },

  {
    type: "team",
    has: ["after.profile_id"],
    text: "{actor} added {after.profile_id} to the team {resource}",
  },
  {
    type: "team",
    has: ["before.profile_id"],
    text: "{actor} removed {before.profile_id} from the team {resource}",
  },
  {
    type: "service_account",
    has: ["before.team_id", "after.team_id"],
    text: "{actor} moved the service account {resource} to the team {after.team_id}",
  },

  { type: "profile", has: ["after.issuer"], text: "{resource} joined through {after.issuer}" },
  { type: "profile", has: ["after.role_id"], text: "{actor} gave {resource} the role {after.role_id}" },
  { type: "profile", call: "DeleteUser", text: "{resource} deleted their user and left the account" },
  { type: "profile", has: ["before", "!after"], text: "{actor} removed {resource} from the account" },

  { type: "session", call: "LogOut", text: "{actor} logged out" },
  { type: "session", has: ["after.session_id"], text: "{actor} logged in" },
  { type: "session", has: ["before.session_id"], text: "{actor} ended a session" },
  { type: "user", has: ["after.password"], text: "{actor} changed their password" },
  { type: "user", has: ["after.email"], text: "{actor} changed their e-mail address" },
  { type: "user", call: "RequestPasswordReset", text: "{actor} asked for a password reset" },
  {
    type: "user",
    has: ["after.requested"],
    text: "{actor} asked for a mail that proves their e-mail address",
  },

  {
    type: "invite",
    has: ["after.profile_id"],
    text: "{after.profile_id} accepted an invite as {after.role_id}",
  },
  { type: "invite", has: ["after.role_id"], text: "{actor} invited {resource} as {after.role_id}" },
  {
    type: "invite",
    has: ["before.pending"],
    text: "The invite of {resource} ended, because its maker may no longer make it",
  },
  { type: "invite", text: "{actor} revoked the invite of {resource}" },

  { call: "SignUp", type: "account", text: "{actor} signed up and made the account" },
  { call: "DeleteAccount", type: "account", text: "{actor} deleted the account" },
  { call: "SuspendAccount", type: "account", text: "{actor} suspended the account" },
  { call: "ResumeAccount", type: "account", text: "{actor} resumed the account" },
  { type: "account", has: ["after.entitlements", "before"], text: "{actor} changed what the plan includes" },
  { type: "account", has: ["after.rate_limits"], text: "{actor} changed the limits of the account" },
  { type: "account", has: ["after.credits"], text: "{actor} changed the credits of the account" },
  { type: "account", has: ["after", "!before"], text: "{actor} made the account" },
  { type: "account", text: "{actor} changed the account" },

  ...(["workspace", "team", "role", "service account"] as const).flatMap((words) => {
    const type = words.replace(" ", "_");
    return [
      { type, has: ["after", "!before"], text: `{actor} created the ${words} {resource}` },
      { type, has: ["before", "!after"], text: `{actor} deleted the ${words} {resource}` },
      { type, text: `{actor} changed the ${words} {resource}` },
    ];
  }),
];
