// An RPC without a command or without a page, with the reason. A person reviews each line. If such an RPC gets a command
// or a page, the test fails until its line is removed.

/** The RPCs that no command calls. */
export const withoutCommand: Record<string, string> = {
  "TokenService.WatchTokens": "`latchkey/guard` holds this stream in the process of a service",
  "UsageService.ReportUsage": "`latchkey/guard` reports what it answered from its cache",
};

/** The RPCs that the frame around every page calls: who is signed in, in which account, and a new account. */
export const onEveryPage = [
  "ProfileService.WhoAmI",
  "AccountService.ListAccounts",
  "AccountService.CreateAccount",
];

/** The RPCs that no page of the console calls. */
export const withoutPage: Record<string, string> = {
  "AccountService.GetGlobalApiKey": "the page of the account has the system key, from `GetAccount`",
  "RoleService.GetRole": "the list of roles has everything",
  "ServiceAccountService.GetServiceAccount": "the list of service accounts has everything",
  "TokenService.BatchVerifyTokens": "for services; the keys page verifies one token at a time",
  "TokenService.RevokeToken": "for the holder of a token; the keys page revokes keys",
  "TokenService.WatchTokens": "for `latchkey/guard`",
  "UsageService.ReportUsage": "for `latchkey/guard`",
  "AccountService.SetRateLimits": "the platform sets them from its billing; an operator uses the command",
  "AccountService.SetCredits": "the same",
  "AccountService.AddCredits": "the same",
  "AccountService.RemoveCredits": "the same",
  "SessionService.CreateEmbedSession":
    "the platform's own server calls it, and passes the token to the embedded page",
};
