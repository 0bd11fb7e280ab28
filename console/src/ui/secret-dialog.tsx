import { type ReactNode, useState } from "react";
import { saveFile } from "../save-file.ts";
import { Banner } from "./banner.tsx";
import { Button } from "./button.tsx";
import { Confirm } from "./confirm.tsx";
import { CopyBlock } from "./copy.tsx";
import { Dialog } from "./dialog.tsx";

/**
 * Shows a secret once. Render it outside the list that it belongs to, because a refreshed list would remove it. It closes
 * only after the user said that the secret is saved.
 */
export function SecretDialog({
  title,
  label,
  secret,
  fileName,
  onClose,
  children,
}: {
  title: string;
  /** The name of the secret, such as "token". */
  label: string;
  secret: string;
  /** The name of the file that the download button saves. */
  fileName: string;
  onClose(): void;
  /** What to do with the secret, for example a block to paste. */
  children?: ReactNode;
}) {
  const [asking, setAsking] = useState(false);
  return (
    <Dialog
      title={title}
      size="wide"
      onClose={() => setAsking(true)}
      footer={
        <>
          <Button icon="download" onClick={() => saveFile(fileName, "text/plain", `${secret}\n`)}>
            Download
          </Button>
          <Button variant="primary" onClick={() => setAsking(true)}>
            Done
          </Button>
        </>
      }
    >
      <Banner tone="warning">
        This is the only time that the {label} is shown. Store it now, for example in a password manager.
      </Banner>
      <CopyBlock label={label} text={secret} />
      {children}
      {asking && (
        <Confirm
          title={`Is the ${label} saved?`}
          action={`Yes, the ${label} is saved`}
          danger={false}
          onConfirm={async () => onClose()}
          onClose={() => setAsking(false)}
        >
          <p>The {label} cannot be shown again. Without it, you need a new one.</p>
        </Confirm>
      )}
    </Dialog>
  );
}
