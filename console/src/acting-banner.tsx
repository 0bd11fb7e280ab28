import { useLocation } from "wouter";
import { useConnection } from "./connection.ts";
import { useStore } from "./store.ts";
import { Banner } from "./ui/banner.tsx";
import { Button } from "./ui/button.tsx";

/** Says for which account the platform acts, with the way back. */
export function ActingBanner() {
  const { platform } = useConnection();
  const tenant = useStore(platform.tenant);
  const [, navigate] = useLocation();
  if (!tenant) return null;
  function stop(): void {
    platform.tenant.set(undefined);
    navigate("/platform/accounts");
  }
  return (
    <Banner title={`You act for ${tenant.name}. `}>
      <p>The audit log of this account records each change with your platform key.</p>
      <Button size="small" onClick={stop}>
        Back to the platform
      </Button>
    </Banner>
  );
}
