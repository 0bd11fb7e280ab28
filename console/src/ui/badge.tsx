import type { ReactNode } from "react";
import type { Tone } from "./banner.tsx";

/** A short word about the state of something. The word carries the meaning, the colour only repeats it. */
export function Badge({
  tone = "neutral",
  title,
  children,
}: {
  tone?: Tone;
  title?: string;
  children: ReactNode;
}) {
  return (
    <span className={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}
