import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { CrashPage } from "./crash-page.tsx";

/** Renders a page. An error that no component handles shows a page that offers to load again. */
export function mount(element: HTMLElement, content: ReactNode): void {
  const root = createRoot(element, {
    onUncaughtError: () => createRoot(element).render(<CrashPage />),
  });
  root.render(<StrictMode>{content}</StrictMode>);
}
