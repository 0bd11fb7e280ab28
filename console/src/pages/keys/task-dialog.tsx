import { CreateKey } from "./create-key.tsx";
import { DisableKey, EnableKey } from "./disable-key.tsx";
import { EditKey } from "./edit-key.tsx";
import { RevokeKey } from "./revoke-key.tsx";
import { RevokeMany } from "./revoke-many.tsx";
import { RotateKey } from "./rotate-key.tsx";
import type { Issued, PageTask } from "./tasks.ts";
import { WhyRefused } from "./why-refused.tsx";

/** The dialog of a task. */
export function TaskDialog({
  task,
  onIssued,
  onTask,
  onClose,
}: {
  task: PageTask;
  onIssued(issued: Issued): void;
  onTask(task: PageTask): void;
  onClose(): void;
}) {
  switch (task.name) {
    case "create":
      return <CreateKey onIssued={onIssued} onClose={onClose} />;
    case "edit":
      return <EditKey apiKey={task.key} onClose={onClose} />;
    case "rotate":
      return <RotateKey apiKey={task.key} onIssued={onIssued} onClose={onClose} />;
    case "disable":
      return <DisableKey apiKey={task.key} onClose={onClose} />;
    case "enable":
      return <EnableKey apiKey={task.key} onClose={onClose} />;
    case "revoke":
      return <RevokeKey apiKey={task.key} onTask={onTask} onClose={onClose} />;
    case "revoke-many":
      return <RevokeMany mintedBy={task.mintedBy} onClose={onClose} />;
    case "why":
      return <WhyRefused onClose={onClose} />;
    default:
      return null;
  }
}
