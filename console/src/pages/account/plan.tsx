import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import type { RateLimit } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { CreditRefill, type Credits } from "../../../gen/latchkey/v1/credit_pb.ts";
import { Badge } from "../../ui/badge.tsx";
import { Facts, Section } from "../../ui/layout.tsx";
import { Time } from "../../ui/time.tsx";

/** What the plan of the account includes. Only the platform sets it. */
export function Plan({ account: { info } }: { account: Account }) {
  const entitlements = info?.entitlements ?? [];
  const limits = info?.rateLimits ?? [];
  return (
    <Section
      title="Plan"
      description="The platform sets what the account includes, its limits and its credits."
    >
      <Facts
        facts={[
          ["Includes", <Entitlements key="includes" entitlements={entitlements} />],
          ["Limits of all keys", <Limits key="limits" limits={limits} />],
          ["Credits", <CreditsLeft key="credits" credits={info?.credits} />],
        ]}
      />
    </Section>
  );
}

function Entitlements({ entitlements }: { entitlements: readonly string[] }) {
  if (entitlements.length === 0) return <span className="quiet">nothing in particular</span>;
  return (
    <span className="badges">
      {entitlements.map((one) => (
        <Badge key={one}>{one}</Badge>
      ))}
    </span>
  );
}

function Limits({ limits }: { limits: readonly RateLimit[] }) {
  if (limits.length === 0) return <span className="quiet">none</span>;
  return (
    <ul className="plain">
      {limits.map(({ name, limit, period }) => (
        <li key={name}>
          {name}: {limit.toLocaleString("en")} per {periodWords(Number(period?.seconds ?? 0))}
        </li>
      ))}
    </ul>
  );
}

const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** Returns a period in words, such as "minute" or "30 seconds". */
export function periodWords(seconds: number): string {
  const [unit, size] =
    units.find(([, size]) => seconds >= size && seconds % size === 0) ?? (["second", 1] as const);
  const count = seconds / size;
  return count === 1 ? unit : `${count} ${unit}s`;
}

function CreditsLeft({ credits }: { credits: Credits | undefined }) {
  if (!credits) return <span className="quiet">not limited</span>;
  const refills = credits.refill !== CreditRefill.UNSPECIFIED;
  return (
    <>
      {credits.remaining.toLocaleString("en")} left
      {refills && credits.nextRefillAt && (
        <>
          , at least {credits.refillAmount.toLocaleString("en")} again <Time value={credits.nextRefillAt} />
        </>
      )}
    </>
  );
}
