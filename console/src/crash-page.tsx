import { Notice } from "./notice.tsx";
import { Button } from "./ui/button.tsx";

/** The page after an error that the console did not expect. */
export function CrashPage() {
  return (
    <Notice title="The console stopped">
      <p>An error that the console did not expect occurred. What the server confirmed is saved.</p>
      <Button variant="primary" onClick={() => location.reload()}>
        Load again
      </Button>
    </Notice>
  );
}
