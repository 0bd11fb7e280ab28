import type { ReactNode } from "react";
import { Icon } from "./icon.tsx";

/** The meaning of a colour. */
export type Tone = "neutral" | "success" | "warning" | "danger" | "accent";

/** A message on the page. Dangers and warnings are read aloud when they appear. */
export function Banner({
  tone = "neutral",
  title,
  children,
}: {
  tone?: Tone;
  title?: string;
  children?: ReactNode;
}) {
  const urgent = tone === "danger" || tone === "warning";
  return (
    <div className={`banner ${tone}`} role={urgent ? "alert" : "status"}>
      <Icon name={urgent ? "warning" : tone === "success" ? "check" : "info"} />
      <div>
        {title && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  );
}
