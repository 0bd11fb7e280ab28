import { useSession } from "../../session.ts";
import { PageHeader } from "../../ui/layout.tsx";
import { DeleteUser } from "./delete-user.tsx";
import { EmailForm } from "./email-form.tsx";
import { PasswordForm } from "./password-form.tsx";

/** Changes how the user logs in. */
export function PasswordPage() {
  const { profile } = useSession();
  return (
    <>
      <PageHeader title="Password and e-mail" description={`How you log in as ${profile.spec?.email}.`} />
      <PasswordForm />
      <EmailForm />
      <DeleteUser />
    </>
  );
}
