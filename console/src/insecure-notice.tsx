import { Banner } from "./ui/banner.tsx";

/** Says that the console needs HTTPS, on a page without it. Loopback addresses are as safe as HTTPS. */
export function InsecureNotice() {
  if (isSecureContext) return null;
  return (
    <Banner tone="danger" title="HTTPS is needed. ">
      This page came over plain HTTP, so browsers do not keep its session, and others on the network can read
      your password. Open the console with an address that begins with https://.
    </Banner>
  );
}
