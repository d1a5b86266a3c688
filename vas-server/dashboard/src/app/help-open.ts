/** Whether the list of shortcuts is open; apart from it, as it is loaded only when it is. */

import { createSignal } from "solid-js";

const [helpOpen, setHelpOpen] = createSignal(false);

export { helpOpen, setHelpOpen };
