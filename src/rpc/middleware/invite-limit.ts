import type { MailLimit } from "../../domain/kernel/mail.ts";
import type { PublicLimit } from "../../verify/public-limit.ts";

/** The limits of invites. */
export interface InviteLimits {
  perAccount: PublicLimit;
  perEmail: PublicLimit;
  /** Whether mail leaves the server. If it does not, no address receives any, and none is counted. */
  delivers: boolean;
}

/** Creates the limit of the mails that invites cause. */
export function createInviteLimit({ perAccount, perEmail, delivers }: InviteLimits): MailLimit {
  return {
    async spend({ to, by }) {
      await perAccount.spend(by);
      if (!delivers || to === undefined) return;
      try {
        await perEmail.spend(to);
      } catch (error) {
        await perAccount.giveBack(by);
        throw error;
      }
    },
  };
}
