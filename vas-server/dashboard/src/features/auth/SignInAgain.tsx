/** Over the page when the session has ended: the work stays where it is. */

import { session } from "../../api/session";
import { t } from "../../i18n";
import { Dialog } from "../../ui/Dialog";
import { SignInForm } from "./SignInForm";

export default function SignInAgain(props: { readonly onDone: () => void }) {
  return (
    <Dialog open insistent onClose={() => undefined} title={t("auth.again")} description={t("auth.expired")}>
      <SignInForm {...(session() ? { name: session()?.name ?? "" } : {})} onDone={() => props.onDone()} />
    </Dialog>
  );
}
