/** A prompt of an account. */
export interface Prompt {
  id: number;
  text: string;
}

/** The prompts of all accounts, in memory. An account comes from the principal of a caller, and never from its request. */
export interface Prompts {
  list(accountId: string): readonly Prompt[];
  add(accountId: string, text: string): Prompt;
}

/** Creates an empty store of prompts. */
export function createPrompts(): Prompts {
  const accounts = new Map<string, Prompt[]>();
  return {
    list: (accountId) => accounts.get(accountId) ?? [],
    add(accountId, text) {
      const prompts = accounts.get(accountId) ?? [];
      const prompt = { id: prompts.length + 1, text };
      accounts.set(accountId, [...prompts, prompt]);
      return prompt;
    },
  };
}
