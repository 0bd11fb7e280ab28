import { command } from "../command.ts";
import { completionScript, type Shell, shells } from "../completion.ts";
import { usageError } from "../failure.ts";

const completion = command({
  path: ["completion"],
  summary: "write the completion script of a shell",
  description:
    "Writes a script that completes commands, options and their values. It contains the whole table of commands, so it starts no process while you type.",
  arguments: [{ name: "shell", summary: "bash, zsh or fish", choices: shells }],
  examples: [
    {
      text: "Write a script that ~/.bashrc reads with `source`.",
      command: "latchkey completion bash > latchkey.bash",
    },
    { text: "The same for zsh, in a directory of $fpath.", command: "latchkey completion zsh > _latchkey" },
    {
      text: "The same for fish, in ~/.config/fish/completions.",
      command: "latchkey completion fish > latchkey.fish",
    },
  ],
  rpcs: [],
  async run({ out, commands }, { shell }) {
    out.line(completionScript(shellOf(shell), await commands()));
  },
});

/** The commands about this program itself. */
export const completionCommands = [completion];

function shellOf(name: string): Shell {
  const shell = shells.find((one) => one === name);
  if (!shell) throw usageError(`expected one of ${shells.join(", ")}`, "run `latchkey completion --help`");
  return shell;
}
