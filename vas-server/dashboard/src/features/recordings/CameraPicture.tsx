/** Puts a camera's element into the page, wherever it is wanted just now. */

import { onMount } from "solid-js";
import type { Camera } from "./cameras";
import styles from "./Recordings.module.css";

export function CameraPicture(props: { readonly camera: Camera }) {
  let frame!: HTMLDivElement;
  onMount(() => {
    frame.append(props.camera.root);
    props.camera.moved();
  });
  return <div ref={frame} class={styles["picture"]} />;
}
