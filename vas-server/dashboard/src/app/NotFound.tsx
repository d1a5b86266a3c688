import { A } from "@solidjs/router";
import { t } from "../i18n";
import { PageHead } from "../ui/PageHead";
import { EmptyState } from "../ui/States";

export function NotFound() {
  return (
    <>
      <PageHead title={t("state.notFoundTitle")} />
      <EmptyState text={t("state.notFound")} action={<A href="/">{t("state.goHome")}</A>} />
    </>
  );
}
