import type { ReactNode } from "react";
import { Brand } from "./brand.tsx";

/** A page with one message or one form in its middle. */
export function Notice({ title, children, foot }: { title: string; children: ReactNode; foot?: ReactNode }) {
  return (
    <main className="notice">
      <Brand />
      <div className="notice-card">
        <h1 tabIndex={-1}>{title}</h1>
        {children}
      </div>
      {foot && <div className="notice-foot">{foot}</div>}
    </main>
  );
}
