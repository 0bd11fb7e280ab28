import { LogIn } from "../../log-in.tsx";

/** Logs a user in, and shows the start page. */
export function LogInPage() {
  return <LogIn next="/" />;
}
