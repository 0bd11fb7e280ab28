import { Dialog } from "../../ui/dialog.tsx";
import { WhyForm } from "./why-form.tsx";

/** Explains why a token is refused, or why it is accepted. */
export function WhyRefused({ onClose }: { onClose(): void }) {
  return (
    <Dialog
      title="Why is a key refused?"
      description="The server evaluates a token and shows every rule. The check takes nothing from limits, and does not count as a use."
      size="wide"
      onClose={onClose}
    >
      <WhyForm />
    </Dialog>
  );
}
