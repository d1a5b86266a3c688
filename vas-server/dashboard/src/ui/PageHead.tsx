/**
 * What a page puts into the top bar (its title and tools) and into the footer. The shell gives the places; a page
 * renders `<PageHead title="Live">tools</PageHead>` anywhere inside itself.
 */

import { createEffect, createSignal, onCleanup, Show, type JSX } from "solid-js";
import { Portal } from "solid-js/web";
import { t } from "../i18n";

const [headPlace, setHeadPlace] = createSignal<HTMLElement>();
const [footPlace, setFootPlace] = createSignal<HTMLElement>();
const [footUsers, setFootUsers] = createSignal(0);

export { setHeadPlace, setFootPlace, footUsers };

interface PageHeadProps {
  /** The page's title, also of the browser's tab. */
  readonly title: string;
  /** In place of the plain heading, such as a breadcrumb; it must hold the `h1`. */
  readonly heading?: JSX.Element;
  /** Tools beside the title. */
  readonly children?: JSX.Element;
}

export function PageHead(props: PageHeadProps) {
  createEffect(() => {
    document.title = `${props.title} · ${t("app.name")}`;
  });
  return (
    <Show when={headPlace()}>
      {(place) => (
        <Portal mount={place()} ref={(element) => element.classList.add("contents")}>
          <Show when={props.heading} fallback={<h1>{props.title}</h1>}>
            {props.heading}
          </Show>
          {props.children}
        </Portal>
      )}
    </Show>
  );
}

/** Figures in the footer, left; the state of the events is at its right anyway. */
export function PageFoot(props: { readonly children: JSX.Element }) {
  setFootUsers((users) => users + 1);
  onCleanup(() => setFootUsers((users) => users - 1));
  return (
    <Show when={footPlace()}>
      {(place) => (
        <Portal mount={place()} ref={(element) => element.classList.add("contents")}>
          {props.children}
        </Portal>
      )}
    </Show>
  );
}
