import { type Clients, type Owner, password, type TestApp } from "../app.ts";
import { logIn, type Member, newMember } from "./actors.ts";
import { mailedToken } from "./mailbox.ts";

/** A member of an account with two sessions. `maker` is the one whose pending records the test watches. */
export interface TwoSessions {
  owner: Owner;
  maker: Member;
  other: Clients;
  /** The id of the session of `maker`. */
  sessionId: string;
}

/** Creates a member with a role and some workspaces, and signs the member in twice. */
export async function newTwoSessions(
  app: TestApp,
  owner: Owner,
  role: string,
  workspaceIds: string[] = [],
): Promise<TwoSessions> {
  const maker = await newMember(app, owner, role, workspaceIds);
  const other = await logIn(app, maker.email);
  return { owner, maker, other, sessionId: `ses_${maker.token.split("_")[2]?.slice(0, 26)}` };
}

/** The password that a change or a reset sets. */
export const newPassword = "staple battery horse correct";

/** Every way in which a session ends for good, so that what it made pending ends too. A log-out is none of them. */
export const sessionEnds: Record<string, (app: TestApp, sessions: TwoSessions) => Promise<unknown>> = {
  "is revoked": (_app, { other, sessionId }) => other.sessions.revokeSession({ id: sessionId }),
  "is revoked with all others": (_app, { other }) => other.sessions.revokeSession({ allOthers: true }),
  "is revoked by its token": (app, { maker }) => app.clientAs("").tokens.revokeToken({ token: maker.token }),
  "ends with a change of the password": (_app, { other }) =>
    other.sessions.changePassword({ oldPassword: password, newPassword }),
  "had ended before a change of the password": async (_app, { maker, other }) => {
    await maker.sessions.logOut({});
    await other.sessions.changePassword({ oldPassword: password, newPassword });
  },
  "ends with a reset of the password": async (app, { maker }) => {
    const { sessions } = app.clientAs("");
    await sessions.requestPasswordReset({ email: maker.email });
    await sessions.resetPassword({ token: await mailedToken(app, maker.email), password: newPassword });
  },
  "belongs to a person who is removed": (_app, { owner, maker }) =>
    owner.profiles.removeProfile({ id: maker.profileId }),
};
