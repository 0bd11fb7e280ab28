import { useEffect } from "react";
import { Link } from "wouter";
import { LogInForm } from "./log-in-form.tsx";
import { Notice } from "./notice.tsx";
import { useSignedIn } from "./use-signed-in.ts";

/** The log-in form as a page. After the log-in, the console shows the page of the address. */
export function LogIn({ next }: { next?: string }) {
  const signedIn = useSignedIn();
  useEffect(() => {
    document.title = "Log in · Latchkey";
  }, []);
  return (
    <Notice
      title="Log in"
      foot={
        <>
          <p>
            New here? <Link to="/sign-up">Create an account</Link>
          </p>
          <p>
            <Link to="/accept-invite">Accept an invite</Link>
          </p>
        </>
      }
    >
      <LogInForm onDone={() => signedIn(next)} />
      <p className="notice-hint">
        <Link to="/reset-password">Forgot your password?</Link>
      </p>
    </Notice>
  );
}
