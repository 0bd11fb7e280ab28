import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { createConnection } from "./connection.ts";
import { CrashPage } from "./crash-page.tsx";
import { applyTheme } from "./theme.ts";
import "./styles.css";

/** Renders a page. An error that no component handles shows a page that offers to load again. */
function mount(element: HTMLElement, content: ReactNode): void {
  const root = createRoot(element, {
    onUncaughtError: () => createRoot(element).render(<CrashPage />),
  });
  root.render(<StrictMode>{content}</StrictMode>);
}

const element = document.getElementById("root");
if (element) {
  applyTheme();
  mount(element, <App connection={createConnection()} />);
}
