import { App } from "./app.tsx";
import { createConnection } from "./connection.ts";
import { mount } from "./mount.tsx";
import { applyTheme } from "./theme.ts";
import "./styles.css";

const element = document.getElementById("root");
if (element) {
  applyTheme();
  mount(element, <App connection={createConnection()} />);
}
