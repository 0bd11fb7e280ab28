const key = "latchkey-theme";

/** The colours of the console. */
export type Theme = "system" | "light" | "dark";

/** Returns the theme that the user chose in this browser. */
export function chosenTheme(): Theme {
  try {
    const theme = localStorage.getItem(key);
    return theme === "light" || theme === "dark" ? theme : "system";
  } catch {
    return "system";
  }
}

/** Shows the console in a theme, and remembers it for this browser. */
export function chooseTheme(theme: Theme): void {
  try {
    localStorage.setItem(key, theme);
  } catch {
    // Without storage, the choice ends with the page.
  }
  applyTheme(theme);
}

/** Shows the console in a theme. */
export function applyTheme(theme: Theme = chosenTheme()): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
