import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import type { FoundToken } from "./token-form.ts";

/** Says that a field has a token, which was not sent. `onShow` shows the key of the token by its id. */
export function TokenWarning({
  found,
  onClear,
  onShow,
}: {
  found: FoundToken;
  onClear(): void;
  onShow?: ((keyId: string) => void) | undefined;
}) {
  return (
    <Banner tone="warning" title={found.whole ? "This is a token. " : "This looks like a part of a token. "}>
      <p>
        It was not sent to the server. A token is a password: search by the name or the id of its key instead.
        If other people can see the token, rotate or revoke its key.
      </p>
      <p className="row">
        <Button size="small" onClick={onClear}>
          Remove it from the field
        </Button>
        {found.keyId && onShow && (
          <Button size="small" onClick={() => onShow(found.keyId)}>
            Show its key
          </Button>
        )}
      </p>
    </Banner>
  );
}
